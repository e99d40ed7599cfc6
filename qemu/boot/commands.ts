/** `scmi-lab boot`: finds or builds the kernel, then boots it or prints the command line. */
import { statSync } from 'node:fs'
import { type OpenOptions, waysIn } from '../../src/cli/open-options.js'
import { openTo, viewPlatform } from '../devices/device.js'
import { buildKernel } from '../kernel/build.js'
import { DEBIAN_KERNELS } from '../kernel/source.js'
import { LabError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { type BootOptions, bootLines, bootOnTerminal, deviceTreeOf } from './boot.js'

export async function bootFromArguments(
  kernel: string,
  settings: Omit<BootOptions, 'kernel'>,
  output: OpenOptions & { printCommand: boolean; json: boolean },
): Promise<void> {
  if (output.json && !output.printCommand) throw new LabError('--json goes with --print-command')
  const open = waysIn(output)
  if (open && output.printCommand) throw new LabError('--control, --http and --metrics do not go with --print-command')
  requireTools(...TOOLS_FOR.boot)
  // A wrong platform file or device tree is reported before minutes of building.
  if (settings.platform) await viewPlatform(settings.platform)
  if (settings.dts?.length) await deviceTreeOf(settings)
  const options = { ...settings, kernel: await kernelImage(kernel, settings.signal) }
  if (!output.printCommand) return bootOnTerminal(open ? { ...options, device: await openTo(open) } : options)
  const { device, qemu } = await bootLines(options)
  if (output.json) return console.log(JSON.stringify({ device, qemu }))
  console.error(`Start the device first:\n${shellLine(device)}\nThen QEMU:`)
  console.log(shellLine(qemu))
}

/** The path of an Image: the given file, or the Image of a version, built or from the cache. */
export async function kernelImage(kernel: string, signal?: AbortSignal): Promise<string> {
  if (DEBIAN_KERNELS[kernel]) return (await buildKernel({ source: kernel }, { signal })).image
  const stat = statSync(kernel, { throwIfNoEntry: false })
  if (stat?.isFile()) return kernel
  const known = Object.keys(DEBIAN_KERNELS).join(', ')
  const advice = stat
    ? 'a folder; build it with "scmi-lab kernel build --source"'
    : `no such file; versions are ${known}`
  throw new LabError(`--kernel ${kernel}: ${advice}`)
}
