/** `scmi-lab boot`: finds or builds the kernel, then boots it or prints the command line. */
import { statSync } from 'node:fs'
import { type OpenOptions, waysIn } from '../../src/cli/open-options.js'
import { openTo, viewPlatform } from '../devices/device.js'
import { joinAgent } from '../devices/join.js'
import { buildKernel } from '../kernel/build.js'
import { DEBIAN_KERNELS } from '../kernel/source.js'
import { LabError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { type BootOptions, bootLines, bootOnTerminal, deviceTreeOf } from './boot.js'
import { tellDebugger } from './debugger.js'

type OutputOptions = OpenOptions & { printCommand: boolean; json: boolean }

export async function bootFromArguments(
  kernel: string,
  settings: Omit<BootOptions, 'kernel'>,
  output: OutputOptions & { agent?: string },
): Promise<void> {
  if (output.json && !output.printCommand) throw new LabError('--json goes with --print-command')
  if (output.agent !== undefined) return joinFromArguments(kernel, settings, output.agent, output)
  const open = waysIn(output)
  if (open && output.printCommand) throw new LabError('--control, --http and --metrics do not go with --print-command')
  requireTools(...TOOLS_FOR.boot)
  // Wrong files are reported before minutes of building.
  const view = settings.platform ? await viewPlatform(settings.platform, settings.device) : undefined
  if (settings.dts?.length) await deviceTreeOf(settings, view)
  const options = { ...settings, kernel: await kernelImage(kernel, settings.signal, settings.gdb !== undefined) }
  if (options.gdb !== undefined) tellDebugger(options.kernel, options.gdb)
  if (!output.printCommand) {
    if (view) tellAgents(view.agents, output.control)
    if (open) return bootOnTerminal({ ...options, device: { ...settings.device, ...(await openTo(open)) } })
    // With `open` the device logs it.
    if (view?.faults) console.error(`scmi-lab: ${view.faults}`)
    return bootOnTerminal(options)
  }
  return printLines(options, output)
}

/** `scmi-lab boot --agent`: the guest of another agent of a device that runs. `control` is the device's. */
async function joinFromArguments(
  kernel: string,
  settings: Omit<BootOptions, 'kernel'>,
  agent: string,
  output: OutputOptions,
): Promise<void> {
  requireTools(...TOOLS_FOR.boot)
  const joins = await joinAgent(agent, output.control === true ? undefined : output.control)
  const options = { ...settings, joins, kernel: await kernelImage(kernel, settings.signal, settings.gdb !== undefined) }
  if (options.gdb !== undefined) tellDebugger(options.kernel, options.gdb)
  return output.printCommand ? printLines(options, output) : bootOnTerminal(options)
}

async function printLines(options: BootOptions, { json }: OutputOptions): Promise<void> {
  const { device, qemu } = await bootLines(options)
  if (json) return console.log(JSON.stringify({ device, qemu }))
  if (device.length > 0) console.error(`Start the device first:\n${shellLine(device)}\nThen QEMU:`)
  console.log(shellLine(qemu))
}

/** Says how guests of the other agents join, if there are any. */
function tellAgents([first, ...others]: string[], control: OpenOptions['control']): void {
  if (others.length === 0) return
  const at = control === undefined || control === true ? '' : ` --control ${control}`
  const how = control === undefined ? 'start this one with --control, then ' : ''
  console.error(
    `scmi-lab: this is the guest of agent ${first}. For ${others.join(', ')}: ${how}scmi-lab boot --agent NAME${at}`,
  )
}

/** The path of an Image: the given file, or the Image of a version, built or from the cache. */
export async function kernelImage(kernel: string, signal?: AbortSignal, debugInfo = false): Promise<string> {
  if (DEBIAN_KERNELS[kernel]) return (await buildKernel({ source: kernel, debugInfo }, { signal })).image
  const stat = statSync(kernel, { throwIfNoEntry: false })
  if (stat?.isFile()) return kernel
  const known = Object.keys(DEBIAN_KERNELS).join(', ')
  const advice = stat
    ? 'a folder; build it with "scmi-lab kernel build --source"'
    : `no such file; versions are ${known}`
  throw new LabError(`--kernel ${kernel}: ${advice}`)
}
