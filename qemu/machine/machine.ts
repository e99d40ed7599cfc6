/** The machine: QEMU's command line, made from a record, and nothing else. */
import { LabError } from '../support/errors.js'
import { processors } from '../support/host.js'
import { qemuCommand } from '../support/tools.js'

/** Where the SCMI device is: it listens and QEMU connects, or QEMU listens and the device dials. */
export interface DeviceSocket {
  path: string
  dials: 'qemu' | 'device'
}

/** An SCMI device of the machine. */
export interface ScmiDevice extends DeviceSocket {
  /** QEMU's name for it, and for its socket. */
  id: string
  bus: 'pci' | 'mmio'
  /** Has a slot of its own, so that it can be plugged and unplugged while the guest runs; PCI only. */
  hasSlot: boolean
  /** There when the machine starts. */
  isPlugged: boolean
}

export interface Machine {
  /** A size as QEMU writes it: 256M, 1G. */
  memory: string
  cpus: number
  kernel: string
  initramfs: string
  deviceTree?: string
  /** Words of the kernel's command line beside the console. */
  append: string[]
  /** `terminal`: shell and monitor on this terminal. `pipe`: the console's text on standard output. */
  console: 'terminal' | 'pipe'
  /** Socket of the guest channel, on which the host listens. */
  channel?: string
  scmi: ScmiDevice[]
  /** Socket on which QEMU takes commands (QMP). */
  qmp?: string
  /** Further arguments, as the user wrote them. */
  extra: string[]
}

/** The sockets of devices in lines made for people, where both sides find them. */
export const printedSocket = (index = 0): string => `/tmp/scmi${index === 0 ? '' : `-${index}`}.sock`

/** Name of the guest channel's port; init.c looks for it. */
const CHANNEL_PORT = 'lab.channel'

const CONSOLES: Record<Machine['console'], string[]> = {
  terminal: ['-nographic'],
  pipe: ['-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
}

/** All words of QEMU's command line, the program included. */
export function qemuLine(machine: Machine): string[] {
  return [qemuCommand, ...qemuArguments(machine)]
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
    ...machine.extra,
  ]
}

/** What every machine of the lab is; guest memory is a shared memfd, which the device maps. */
export function baseArguments(machine: Pick<Machine, 'memory' | 'cpus'>): string[] {
  const { gic, cpu, acceleration } = processors(qemuCommand)
  return [
    ...['-machine', `virt,gic-version=${gic},memory-backend=mem`, '-cpu', cpu, '-smp', String(machine.cpus)],
    ...acceleration,
    ...['-m', machine.memory, '-object', `memory-backend-memfd,id=mem,size=${machine.memory},share=on`],
    ...['-nic', 'none'],
  ]
}

function scmiArguments(device: ScmiDevice, index: number): string[] {
  const { id, bus, path, dials, hasSlot, isPlugged } = device
  const slot = hasSlot ? ['-device', `pcie-root-port,id=${slotOf(id)},chassis=${index + 1},slot=${index + 1}`] : []
  if (!isPlugged) return slot
  const server = dials === 'device' ? ',server=on' : ''
  // QEMU's mmio transports are of the legacy kind unless told otherwise, and the device is not.
  const modern = bus === 'mmio' ? ['-global', 'virtio-mmio.force-legacy=false'] : []
  const where = hasSlot ? `,bus=${slotOf(id)}` : ''
  return [
    ...slot,
    ...modern,
    ...['-chardev', `socket,id=${id},path=${escapeOption(path)}${server}`],
    ...['-device', `${SCMI_DRIVER[bus]},chardev=${id},id=${id}${where}`],
  ]
}

/** A port that sleeps tells of a new card by a PME, and QEMU's sends none: ports stay awake. */
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

/** In QEMU's option lists a comma is doubled. */
const escapeOption = (text: string): string => text.replaceAll(',', ',,')

/** Options that shape the device tree, and so matter to its dump; the others may open files and sockets. */
const SHAPING = new Set(['-machine', '-M', '-cpu', '-smp', '-m', '-object', '-numa', '-global', '-accel'])

export function shapingArguments(words: string[]): string[] {
  return words.flatMap((word, index) => {
    const name = word.replace(/^--/, '-')
    return SHAPING.has(name) ? [name, words[index + 1]!] : []
  })
}

/** Checks a memory size. The shared memory object and -m must agree, so there is one place to say it. */
export function parseMemory(text: string): string {
  if (!/^[1-9]\d{0,6}[MG]$/i.test(text)) throw new LabError('Write a size such as 256M or 1G.')
  return text.toUpperCase()
}
