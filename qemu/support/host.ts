/** What depends on the host: an arm64 host needs no cross compiler, and may have KVM. */
import { spawnSync } from 'node:child_process'
import { ARCHITECTURES, type Architecture } from './architectures.js'
import { LabError } from './errors.js'
import type { Tool } from './tool.js'

interface GuestTools {
  /** The prefix of the compiler's and binutils' names. */
  prefix: string
  /** Words by which the compiler finds the C library. */
  sysroot: string[]
  compiler: Tool
  libc: Tool
  headers: Tool
}

const PURPOSE = 'build guest programs'
/** Commands that ask the compiler, for systems that keep the files elsewhere. */
const LINKS_STATICALLY = ['-static', '-nostartfiles', '-xc', '/dev/null', '-o', '/dev/null']
const HAS_HEADERS = ['-fsyntax-only', '-include', 'linux/errno.h', '-xc', '/dev/null']

/** Fedora's cross compiler finds no C library by itself; each release has its own below this folder (glibc.spec, sysroot_prefix). */
const FEDORA_SYSROOTS = '/usr/aarch64-redhat-linux/sys-root'

/** What is asked of the host. */
interface Host {
  /** process.arch. */
  arch: string
  has(program: string): boolean
  /** Names in a folder; none if there is no such folder. */
  list(folder: string): string[]
}

/** The tools that build for guests of an architecture on a host. */
export function guestTools({ arch, has, list }: Host, target: Architecture = ARCHITECTURES.arm64): GuestTools {
  const isNative = arch === target.name
  const cross = target.prefixes.find(name => has(`${name}gcc`)) ?? target.prefixes[0]!
  const prefix = isNative ? '' : cross
  const command = `${prefix}gcc`
  // A release of which the headers were removed may leave its folder.
  const hasHeaders = (release: string) => list(`${FEDORA_SYSROOTS}/${release}/usr`).includes('include')
  const isOnFedora = !isNative && target.name === 'arm64'
  const newest = isOnFedora ? list(FEDORA_SYSROOTS).filter(hasHeaders).sort(byNumbers).at(-1) : undefined
  const sysroot = newest === undefined ? [] : [`--sysroot=${FEDORA_SYSROOTS}/${newest}`]
  const probe = (words: string[]): string[] => [command, ...sysroot, ...words]
  const [library, include] = isNative
    ? ['/usr/lib/aarch64-linux-gnu/libc.a', '/usr/include/linux/errno.h']
    : [`${target.sysroot}/lib/libc.a`, `${target.sysroot}/include/linux/errno.h`]
  const [compiler, libc, headers] = isNative ? ['gcc', 'libc6-dev', 'linux-libc-dev'] : target.packages
  return {
    prefix,
    sysroot,
    compiler: { command, package: compiler, purpose: `build for ${target.name}` },
    libc: { file: library, probe: probe(LINKS_STATICALLY), package: libc, purpose: PURPOSE },
    headers: { file: include, probe: probe(HAS_HEADERS), package: headers, purpose: PURPOSE },
  }
}

const byNumbers = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

/** How QEMU provides the guest's processors. */
export interface Processors {
  /** gic-version of QEMU's machine "virt". */
  gic: string
  cpu: string
  /** Further words for QEMU. */
  acceleration: string[]
  /** For people. */
  text: string
}

/** Environment variable with the accelerator that the user chose: `--accel`. */
export const ACCELERATOR_VARIABLE = 'SCMI_LAB_ACCEL'
/** QEMU's names: the host's virtualization, and emulation. */
export const ACCELERATORS = ['kvm', 'tcg']

/** Emulated processors, the same on any host. */
const emulated = ({ gic, cpu }: Architecture): Processors => ({
  gic,
  cpu,
  acceleration: [],
  text: `emulated ${cpu} (TCG)`,
})
const HOSTS: Processors = { gic: 'host', cpu: 'host', acceleration: ['-accel', 'kvm'], text: "the host's own (KVM)" }

/**
 * What the user chose; else KVM on an arm64 host where it works, else emulation. `whyNoGuest` tries to make a guest with KVM.
 * Throws LabError if KVM was chosen and does not work.
 */
export function chooseProcessors(
  arch: string,
  chosen: string | undefined,
  whyNoGuest: () => string | undefined,
  target: Architecture = ARCHITECTURES.arm64,
): Processors {
  const canHave = arch === 'arm64' && target.name === 'arm64'
  if (chosen === 'tcg' || (chosen === undefined && !canHave)) return emulated(target)
  if (chosen !== undefined && !ACCELERATORS.includes(chosen)) {
    throw new LabError(`${ACCELERATOR_VARIABLE} is ${chosen}; it can be ${ACCELERATORS.join(' or ')}`)
  }
  const here = target.name === 'arm64' ? `this is ${arch}` : `this guest is ${target.name}`
  const why = canHave ? whyNoGuest() : `KVM runs arm64 guests on arm64 hosts only, and ${here}`
  if (why === undefined) return HOSTS
  if (chosen === 'kvm') throw new LabError(`--accel kvm: ${why}`)
  const { text, ...rest } = emulated(target)
  return { ...rest, text: `${text}, because ${why}` }
}

const known = new Map<string, Processors>()
/** The processors of guests of an architecture on this host; QEMU is asked once. */
export function processors(target: Architecture): Processors {
  const chosen = process.env[ACCELERATOR_VARIABLE]
  const found = known.get(target.name) ?? chooseProcessors(process.arch, chosen, () => whyNoGuest(target.qemu), target)
  known.set(target.name, found)
  return found
}

/** Why QEMU can make no machine with KVM; undefined if it can: it makes one, dumps its device tree, and ends. */
function whyNoGuest(qemu: string): string | undefined {
  const machine = `virt,gic-version=${HOSTS.gic},dumpdtb=/dev/null`
  const words = ['-machine', machine, '-cpu', HOSTS.cpu, ...HOSTS.acceleration, '-display', 'none', '-nic', 'none']
  const { status, stderr, error } = spawnSync(qemu, words, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 10_000,
  })
  if (status === 0) return undefined
  return `QEMU makes no guest with KVM: ${error?.message ?? (stderr.trim().split('\n')[0] || `it ended with ${status}`)}`
}
