/** The machine: makes QEMU's command line from a record. */
import { target } from '../support/architectures.js'
import { LabError } from '../support/errors.js'
import { processors } from '../support/host.js'

/** The socket of an SCMI device, and who connects to it. */
export interface DeviceSocket {
  path: string
  dials: 'qemu' | 'device'
}

/** An SCMI device of the machine. */
export interface ScmiDevice extends DeviceSocket {
  /** QEMU's id of the device and of its chardev. */
  id: string
  bus: 'pci' | 'mmio'
  /** Has its own slot, so that it can be plugged and unplugged while the guest runs; PCI only. */
  hasSlot: boolean
  /** Present when the machine starts. */
  isPlugged: boolean
}

export interface Machine {
  /** A size as QEMU writes it: 256M, 1G. */
  memory: string
  cpus: number
  kernel: string
  initramfs: string
  deviceTree?: string
  /** Words of the kernel's command line, besides the console. */
  append: string[]
  /** `terminal`: shell and monitor on this terminal. `pipe`: the console's text on standard output. */
  console: 'terminal' | 'pipe'
  /** Socket of the guest channel, on which the host listens. */
  channel?: string
  scmi: ScmiDevice[]
  /** Socket on which QEMU takes commands (QMP). */
  qmp?: string
  /** Port of QEMU's server for a debugger: the guest waits for one, and nothing that waits for the guest has a limit. */
  gdb?: number
  /** The user's further arguments. */
  extra: string[]
}

/** The device's socket in command lines that are printed. */
export const printedSocket = (index = 0): string => `/tmp/scmi${index === 0 ? '' : `-${index}`}.sock`

/** Name of the guest channel's port; init/channel.c looks for it. */
const CHANNEL_PORT = 'lab.channel'

const CONSOLES: Record<Machine['console'], string[]> = {
  terminal: ['-nographic'],
  pipe: ['-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
}

/** All words of QEMU's command line, the program included. */
export function qemuLine(machine: Machine): string[] {
  return [target().qemu, ...qemuArguments(machine)]
}

export function qemuArguments(machine: Machine): string[] {
  return [
    ...baseArguments(machine),
    ...CONSOLES[machine.console],
    '-no-reboot',
    ...['-kernel', machine.kernel, '-initrd', machine.initramfs],
    ...(machine.deviceTree ? ['-dtb', machine.deviceTree] : []),
    ...['-append', ['console=ttyAMA0', 'panic=-1', ...slotWords(machine), ...machine.append].join(' ')],
    ...machine.scmi.flatMap(scmiArguments),
    ...(machine.qmp ? ['-qmp', `unix:${escapeOption(machine.qmp)},server=on,wait=off`] : []),
    ...(machine.channel ? channelArguments(machine.channel) : []),
    ...(machine.gdb === undefined ? [] : ['-gdb', `tcp:127.0.0.1:${machine.gdb}`, '-S']),
    ...machine.extra,
  ]
}

/** Common to all machines of the lab; guest memory is a shared memfd, which the device maps. */
export function baseArguments(machine: Pick<Machine, 'memory' | 'cpus'>): string[] {
  const { gic, cpu, acceleration } = processors(target())
  return [
    ...[
      '-machine',
      `${target().machine},gic-version=${gic},memory-backend=mem`,
      '-cpu',
      cpu,
      '-smp',
      String(machine.cpus),
    ],
    ...acceleration,
    ...['-m', machine.memory, '-object', `memory-backend-memfd,id=mem,size=${machine.memory},share=on`],
    ...['-nic', 'none'],
  ]
}

/** What the guests' processors are, for people. */
export const processorsText = (): string => processors(target()).text

/** Prints it on standard error: once for each command that starts guests. */
export const tellProcessors = (): void => console.error(`processors of the guest: ${processorsText()}`)

function scmiArguments(device: ScmiDevice, index: number): string[] {
  const { id, bus, path, dials, hasSlot, isPlugged } = device
  const slot = hasSlot ? ['-device', `pcie-root-port,id=${slotOf(id)},chassis=${index + 1},slot=${index + 1}`] : []
  if (!isPlugged) return slot
  const server = dials === 'device' ? ',server=on' : ''
  // QEMU's mmio transports are legacy by default, and this device needs VERSION_1.
  const modern = bus === 'mmio' ? ['-global', 'virtio-mmio.force-legacy=false'] : []
  const where = hasSlot ? `,bus=${slotOf(id)}` : ''
  return [
    ...slot,
    ...modern,
    ...['-chardev', `socket,id=${id},path=${escapeOption(path)}${server}`],
    ...['-device', `${SCMI_DRIVER[bus]},chardev=${id},id=${id}${where}`],
  ]
}

/** A root port in D3 reports a new card by a PME, which QEMU's does not send: ports must not sleep. */
const slotWords = ({ scmi }: Machine): string[] => (scmi.some(({ hasSlot }) => hasSlot) ? ['pcie_port_pm=off'] : [])

/** QEMU's name for the device on each bus. */
export const SCMI_DRIVER: Record<ScmiDevice['bus'], string> = { pci: 'vhost-user-scmi-pci', mmio: 'vhost-user-scmi' }

/** The root port of a device that has a slot. */
export const slotOf = (id: string): string => `${id}-slot`

function channelArguments(path: string): string[] {
  return [
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=channel,path=${escapeOption(path)}`],
    ...['-device', `virtserialport,chardev=channel,name=${CHANNEL_PORT}`],
  ]
}

/** Escapes commas for QEMU's option lists: they are doubled. */
const escapeOption = (text: string): string => text.replaceAll(',', ',,')

/** Options that affect the device tree. The others are left out of the dump, as they may open files and sockets. */
const SHAPING = new Set(['-machine', '-M', '-cpu', '-smp', '-m', '-object', '-numa', '-global', '-accel'])

export function shapingArguments(words: string[]): string[] {
  return words.flatMap((word, index) => {
    const name = word.replace(/^--/, '-')
    return SHAPING.has(name) ? [name, words[index + 1]!] : []
  })
}

/** Checks a memory size. It is used for both the memory object and -m, which must agree. */
export function parseMemory(text: string): string {
  if (!/^[1-9]\d{0,6}[MG]$/i.test(text)) throw new LabError('Write a size such as 256M or 1G.')
  return text.toUpperCase()
}
