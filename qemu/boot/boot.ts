/**
 * Boots a guest against the device: makes what the machine needs (kernel, device tree, initramfs), starts the device
 * and QEMU, and returns a guest that answers. A boot that fails or is interrupted leaves nothing behind.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { type Progress, startProgress } from '../../src/support/progress.js'
import { makeDeviceTree } from '../device-tree/device-tree.js'
import type { GivenSource } from '../device-tree/given-source.js'
import { type Reserving, reservedMemory, sharedAddress } from '../device-tree/reserved-memory.js'
import { type ScmiView, scmiSource } from '../device-tree/scmi-node.js'
import { asLabError, deviceLine, type Server, viewPlatform } from '../devices/device.js'
import type { JoinedAgent } from '../devices/join.js'
import { type DeviceRequest, OwnDevices } from '../devices/own-devices.js'
import { Channel } from '../guest/channel.js'
import { Guest } from '../guest/guest.js'
import { type GuestFile, makeInitramfs } from '../guest/image.js'
import { moduleFiles } from '../guest/modules.js'
import { checkImage } from '../kernel/image-file.js'
import { KERNEL_TRACE_WORDS, KernelTrace } from '../kernel-trace/recorder.js'
import {
  baseArguments,
  type Machine,
  parseMemory,
  printedSocket,
  qemuLine,
  type ScmiDevice,
  tellProcessors,
} from '../machine/machine.js'
import { Qmp } from '../machine/qmp.js'
import { Vm } from '../machine/vm.js'
import { InterruptedError, LabError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'

/** Options of a boot. Those of the SCMI device describe the only device, unless `scmi` lists several. */
export interface BootOptions extends DeviceRequest {
  /** Path of a kernel Image. */
  kernel: string
  /** Platform file or preset; null for a machine without the SCMI device. Default: the demo preset. */
  platform?: string | null
  /** The guest joins a device that runs already, instead of `platform` and `scmi`. */
  joins?: JoinedAgent
  /** Every SCMI device of the machine; default: one. All have the same platform, each its own copy. */
  scmi?: DeviceRequest[]
  /** The SCMI nodes of the device tree, each with these further properties as source; default: one without. */
  nodes?: string[]
  /** How the device tree reserves the platform's shared memory; default: so that it works. */
  reserving?: Reserving
  /** Default 256M. */
  memory?: string
  /** Default 2. */
  cpus?: number
  /** Words for the kernel's command line. */
  append?: string[]
  /** Prints the debug messages of the kernel's SCMI drivers on the console. */
  driverDebug?: boolean
  /** Further device tree source. */
  deviceTreeSource?: string
  /** Device tree source from files of the user's, merged last. */
  dts?: GivenSource[]
  /** Files to put into the guest. */
  files?: GuestFile[]
  qemuArguments?: string[]
  /** The guest waits for a debugger on this port, and limits of time do not count. */
  gdb?: number
  /** Record the first device's messages and the kernel's SCMI events to this file. */
  trace?: string
  /** Called for each device of this process when it starts: before the machine does, and after a restart. */
  onServer?: (server: Server, index: number) => void
  /** Called when QEMU has just been started. */
  onVm?: (vm: Vm) => void
  /** How long the guest may take until it answers; default 60 s. */
  limitMs?: number
  signal?: AbortSignal
  progress?: Progress
}

export const DEFAULT_PLATFORM = 'demo'
const DEFAULT_LIMIT_MS = 60_000
const DRIVER_DEBUG = ['dyndbg="file drivers/firmware/arm_scmi/* +p"', 'ignore_loglevel']

/** A machine that is ready to start, and its devices. */
interface Plan {
  machine: Machine
  platform: string | null
  /** The command lines of the devices of this process. */
  devices: string[][]
  reproduce: string[]
  requests: DeviceRequest[]
}

/** Boots a guest and resolves when it answers on its channel. */
export async function boot(options: BootOptions): Promise<Guest> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-'))
  const undo: (() => void)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const cleanup = () => {
    for (const step of undo.splice(0).reverse()) step()
  }
  try {
    const plan = await makePlan(options, folder, 'pipe')
    const listener = await listen(join(folder, 'channel.sock'))
    undo.push(() => listener.close())
    const machine = { ...plan.machine, channel: listener.path, qmp: join(folder, 'qmp.sock') }
    const devices = new OwnDevices(plan, options.onServer)
    undo.push(() => devices.close())
    await devices.startAll()
    const kernelTrace = await startTrace(devices, options)
    undo.push(() => kernelTrace?.stop())
    if (options.signal?.aborted) throw new InterruptedError()
    const vm = new Vm(machine, plan.reproduce)
    undo.push(() => vm.kill())
    options.onVm?.(vm)
    const channel = await greet(vm, listener, options)
    await kernelTrace?.follow(channel)
    const qmp = await Qmp.connect(machine.qmp)
    undo.push(() => qmp.close())
    return new Guest({ vm, channel, qmp, devices, cleanup })
  } catch (error) {
    cleanup()
    throw error
  }
}

/** Boots to a shell on this terminal; resolves when the user has left it. */
export async function bootOnTerminal(options: BootOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-'))
  let devices: OwnDevices | undefined
  let vm: Vm | undefined
  const stop = () => vm?.kill('SIGTERM')
  options.signal?.addEventListener('abort', stop)
  try {
    const plan = await makePlan(options, folder, 'terminal')
    devices = new OwnDevices(plan)
    await devices.startAll()
    const kernelTrace = await startTrace(devices, options)
    const listener = kernelTrace ? await listen(join(folder, 'channel.sock')) : undefined
    if (options.signal?.aborted) throw new InterruptedError()
    tellProcessors()
    vm = new Vm({ ...plan.machine, ...(listener ? { channel: listener.path } : {}) }, plan.reproduce)
    // Not awaited: the shell starts at once. If the kernel's events cannot be read, the trace says so.
    const followed = kernelTrace && listener ? follow(kernelTrace, vm, listener, options) : undefined
    const how = await vm.exited
    listener?.close()
    await followed
    kernelTrace?.stop()
    await tellTrace(devices, kernelTrace)
    if (options.signal?.aborted) throw new InterruptedError()
    if (how !== 'QEMU exited with status 0') throw new LabError(how)
  } finally {
    options.signal?.removeEventListener('abort', stop)
    devices?.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Starts the trace, if one is asked for, before the guest runs. */
async function startTrace({ list: [server] }: OwnDevices, { trace }: BootOptions): Promise<KernelTrace | undefined> {
  if (trace === undefined) return undefined
  if (!server) throw new LabError('--trace needs an SCMI device in this process')
  await asLabError(() => server.startTrace(trace, { withKernel: true }))
  return new KernelTrace(server)
}

/** Follows the kernel's events. That the guest has ended is reported elsewhere. */
async function follow(kernelTrace: KernelTrace, vm: Vm, listener: Listener, options: BootOptions): Promise<void> {
  try {
    await kernelTrace.follow(await greet(vm, listener, options))
  } catch (error) {
    if (vm.isRunning) console.error(`scmi-lab: ${(error as Error).message}`)
  }
}

async function tellTrace({ list: [server] }: OwnDevices, kernelTrace: KernelTrace | undefined): Promise<void> {
  const stats = await server?.trace?.stop()
  if (!stats || !kernelTrace) return
  const { path, messages, lost, error } = stats
  const failed = error === undefined ? '' : `; it ended early: ${error}`
  const clock = kernelTrace.events > 0 ? `, clocks compared to within ${Math.ceil(kernelTrace.errorNs / 1000)} us` : ''
  const counts = `${messages} messages, ${lost} not recorded, ${kernelTrace.events} events of the kernel${clock}`
  console.error(`scmi-lab: trace ${path}: ${counts}${failed}`)
}

/** The command lines that do what `bootOnTerminal` does: first the device's, if there is one, then QEMU's. */
export async function bootLines(options: BootOptions): Promise<{ device: string[]; qemu: string[] }> {
  const { machine, devices } = await makePlan(options, null, 'terminal')
  return { device: devices[0] ?? [], qemu: qemuLine(machine) }
}

/** `folder`: where the sockets are; null when the command lines are only printed. */
async function makePlan(options: BootOptions, folder: string | null, console: Machine['console']): Promise<Plan> {
  requireTools(...TOOLS_FOR.boot)
  checkImage(options.kernel)
  const { joins } = options
  const named = options.platform === undefined ? DEFAULT_PLATFORM : options.platform
  const platform = joins ? null : named
  const asked = joins ? [{ ...options, ...requestOf(joins) }] : platform === null ? [] : (options.scmi ?? [options])
  const scmi = asked.map((request, index) => planDevice(request, index, folder))
  const loaded = platform === null ? undefined : await viewPlatform(platform, options.device)
  const others = loaded?.agents.slice(1)
  const base = baseOf(options)
  const requests = asked.map((request, index) => withSharedMemory(request, index, base, loaded))
  const files = await makeFiles(options, joins?.view ?? loaded)
  const terminal = console === 'terminal' ? terminalWords() : []
  const debug = options.driverDebug ? DRIVER_DEBUG : []
  const traceWords = options.trace === undefined ? [] : KERNEL_TRACE_WORDS
  const machine: Machine = {
    ...base,
    ...files,
    kernel: resolve(options.kernel),
    append: [...debug, ...traceWords, ...terminal, ...(options.append ?? [])],
    console,
    ...(options.gdb === undefined ? {} : { gdb: options.gdb }),
    extra: options.qemuArguments ?? [],
    scmi,
  }
  const lines = scmi.flatMap((device, index) =>
    platform === null
      ? []
      : [deviceLine(platform, { ...device, path: printedSocket(index) }, requests[index]!.device, others)],
  )
  return { machine, platform, devices: lines, reproduce: lines.map(words => `${shellLine(words)} &`), requests }
}

/** Devices of this process are told where their shared memory is; those of one guest have different ones. */
function withSharedMemory(
  request: DeviceRequest,
  index: number,
  { memory }: Pick<Machine, 'memory'>,
  view: ScmiView | undefined,
): DeviceRequest {
  const shared = view?.platform.config.sharedMemory
  if (!shared || (shared.address !== undefined && index === 0)) return request
  return { ...request, device: { ...request.device, sharedMemory: sharedAddress(shared, memory, index) } }
}

/** Source that reserves the shared memory of all devices. */
function reserved({ scmi = [{}], reserving }: Omit<BootOptions, 'kernel'>, memory: string, view?: ScmiView): string {
  const shared = view?.platform.config.sharedMemory
  return shared ? reservedMemory(sharedAddress(shared, memory), shared.size * scmi.length, reserving) : ''
}

const requestOf = ({ socket: { path, dials } }: JoinedAgent): DeviceRequest => ({ socketPath: path, dials })

function planDevice(request: DeviceRequest, index: number, folder: string | null): ScmiDevice {
  const printed = printedSocket(index)
  const isPlugged = request.isPlugged ?? true
  return {
    id: basename(printed, '.sock'),
    path: request.socketPath ?? (folder === null ? printed : join(folder, basename(printed))),
    dials: request.dials ?? 'qemu',
    bus: request.bus ?? 'pci',
    hasSlot: request.hasSlot ?? !isPlugged,
    isPlugged,
  }
}

const baseOf = ({
  memory = '256M',
  cpus = 2,
}: Pick<BootOptions, 'memory' | 'cpus'>): Pick<Machine, 'memory' | 'cpus'> => ({
  memory: parseMemory(memory),
  cpus,
})

/** Makes the device tree of a boot with these options, and returns its path. It needs no kernel. */
export function deviceTreeOf(options: Omit<BootOptions, 'kernel'>, view: ScmiView | undefined): Promise<string> {
  const base = baseOf(options)
  return makeDeviceTree({
    arguments: [...baseArguments(base), ...(options.qemuArguments ?? [])],
    source: [
      view ? scmiSource(view, base, options.nodes) : '',
      reserved(options, base.memory, view),
      options.deviceTreeSource ?? '',
    ].join('\n'),
    given: options.dts,
    signal: options.signal,
  })
}

/** Device tree and initramfs. */
async function makeFiles(
  options: BootOptions,
  view: ScmiView | undefined,
): Promise<{ deviceTree: string; initramfs: string }> {
  const progress = options.progress ?? startProgress('boot')
  const { signal } = options
  try {
    const [deviceTree, initramfs] = await Promise.all([
      deviceTreeOf(options, view),
      makeInitramfs([...moduleFiles(options.kernel), ...(options.files ?? [])], { signal, progress }),
    ])
    return { deviceTree, initramfs }
  } finally {
    if (!options.progress) progress.stop()
  }
}

/** Asks the guest's init for a shell that fits this terminal. */
function terminalWords(): string[] {
  const { rows, columns } = process.stdout
  const size = rows && columns ? [`lab.rows=${rows}`, `lab.columns=${columns}`] : []
  return ['lab.shell', ...size, ...(process.env.TERM ? [`lab.term=${process.env.TERM}`] : [])]
}

interface Listener {
  path: string
  connected: Promise<Socket>
  close(): void
}

/** Listens for QEMU's end of the guest channel: one connection. */
async function listen(path: string): Promise<Listener> {
  const server = createServer()
  const connected = new Promise<Socket>(found => server.once('connection', found))
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(path, done)
  })
  return { path, connected, close: () => void server.close() }
}

/** Waits for the guest's hello; rejects if the guest ends first, or the caller gives up. */
async function greet(vm: Vm, listener: Listener, options: BootOptions): Promise<Channel> {
  let channel: Channel | undefined
  let isReady = false
  void listener.connected.then(socket => {
    listener.close()
    channel = new Channel(socket, () => {
      isReady = true
      vm.poke()
    })
  })
  const abort = () => vm.kill()
  options.signal?.addEventListener('abort', abort)
  try {
    return await vm.waitFor("the guest's hello", options.limitMs ?? DEFAULT_LIMIT_MS, () => isReady && channel)
  } catch (error) {
    throw options.signal?.aborted ? new InterruptedError() : error
  } finally {
    options.signal?.removeEventListener('abort', abort)
  }
}
