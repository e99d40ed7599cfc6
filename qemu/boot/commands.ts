/** What `scmi-lab boot` does with its arguments: find or build the kernel, then boot or print. */
import { statSync } from 'node:fs'
import { type OpenOptions, waysIn } from '../../src/cli/open-options.js'
import { openTo, viewPlatform } from '../devices/device.js'
import { buildKernel } from '../kernel/build.js'
import { debianKernels } from '../kernel/source.js'
import { LabError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { requireTools, toolsFor } from '../support/tools.js'
import { type BootOptions, bootLines, bootOnTerminal } from './boot.js'

export async function bootFromArguments(
  kernel: string,
  settings: Omit<BootOptions, 'kernel'>,
  output: OpenOptions & { printCommand: boolean; json: boolean },
): Promise<void> {
  if (output.json && !output.printCommand) throw new LabError('--json goes with --print-command')
  const open = waysIn(output)
  if (open && output.printCommand) throw new LabError('--control, --http and --metrics do not go with --print-command')
  requireTools(...toolsFor.boot)
  // Before minutes of building: a wrong platform file.
  if (settings.platform) await viewPlatform(settings.platform)
  const options = { ...settings, kernel: await kernelImage(kernel, settings.signal) }
  if (!output.printCommand) return bootOnTerminal(open ? { ...options, device: await openTo(open) } : options)
  const { device, qemu } = await bootLines(options)
  if (output.json) return console.log(JSON.stringify({ device, qemu }))
  console.error(`Start the device first:\n${shellLine(device)}\nThen QEMU:`)
  console.log(shellLine(qemu))
}

/** A kernel's Image: a file as it is, a version built (or found in the cache). */
export async function kernelImage(kernel: string, signal?: AbortSignal): Promise<string> {
  if (debianKernels[kernel]) return (await buildKernel({ source: kernel }, { signal })).image
  const stat = statSync(kernel, { throwIfNoEntry: false })
  if (stat?.isFile()) return kernel
  const known = Object.keys(debianKernels).join(', ')
  const advice = stat
    ? 'a folder; build it with "scmi-lab kernel build --source"'
    : `no such file; versions are ${known}`
  throw new LabError(`--kernel ${kernel}: ${advice}`)
}
