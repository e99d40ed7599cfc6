/** Whether a kernel boots at all: a kernel that does not, with or without an SCMI device, cannot be tested. */
import { silentProgress } from '../../src/support/progress.js'
import { boot } from '../boot/boot.js'
import { GuestError, InterruptedError, UntestableError } from '../support/errors.js'
import type { TestKernel } from './kernels.js'
import type { Result } from './suite.js'

const BOOT_LIMIT_MS = 180_000

/** Whether no scenario that ran on this kernel came further than its boot. */
export function neverBooted(results: readonly Pick<Result, 'misfit' | 'failures' | 'steps'>[]): boolean {
  const ran = results.filter(({ misfit }) => misfit === undefined)
  const isBoot = ({ failures, steps }: (typeof ran)[number]): boolean => failures.length > 0 && steps.length === 1
  return ran.length > 0 && ran.every(isBoot)
}

/** Boots the kernel without an SCMI device. Throws UntestableError if that fails: SCMI is not to blame. */
export async function requireBoot(kernel: TestKernel, signal: AbortSignal): Promise<void> {
  const options = { kernel: kernel.image, platform: null, limitMs: BOOT_LIMIT_MS, signal, progress: silentProgress }
  try {
    await (await boot(options)).close()
  } catch (error) {
    if (error instanceof InterruptedError || !(error instanceof GuestError)) throw error
    throw new UntestableError(`Linux ${kernel.label} does not boot, not even without an SCMI device: ${error.summary}`)
  }
}

/** Throws UntestableError if one of the kernels does not boot for reasons of its own. */
export async function requireBoots(results: readonly Result[], signal: AbortSignal): Promise<void> {
  for (const kernel of new Set(results.map(result => result.kernel))) {
    if (neverBooted(results.filter(result => result.kernel === kernel))) await requireBoot(kernel, signal)
  }
}
