/** The kernel that guest tests boot: from the cache, or built. The first build takes minutes. */
import { buildKernel } from '../../qemu/kernel/build.js'
import { DEFAULT_KERNEL } from '../../qemu/kernel/source.js'

export const KERNEL_LIMIT_MS = 60 * 60_000

let image: Promise<string> | undefined

export function testKernel(): Promise<string> {
  // SCMI_TEST_KERNEL=IMAGE runs the guest tests on a kernel of the user.
  const given = process.env.SCMI_TEST_KERNEL
  image ??= given ? Promise.resolve(given) : buildKernel({ source: DEFAULT_KERNEL }).then(kernel => kernel.image)
  return image
}
