/** What depends on the host: an arm64 host needs no cross compiler, and may have KVM. */
import { spawnSync } from 'node:child_process'
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

/** openSUSE calls its cross compiler by its own name. */
const CROSS_PREFIXES = ['aarch64-linux-gnu-', 'aarch64-suse-linux-']

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

/** The tools that build for arm64 on a host. */
export function guestTools({ arch, has, list }: Host): GuestTools {
  const isNative = arch === 'arm64'
  const cross = CROSS_PREFIXES.find(name => has(`${name}gcc`)) ?? CROSS_PREFIXES[0]!
  const prefix = isNative ? '' : cross
  const command = `${prefix}gcc`
  // A release of which the headers were removed may leave its folder.
  const hasHeaders = (release: string) => list(`${FEDORA_SYSROOTS}/${release}/usr`).includes('include')
  const newest = isNative ? undefined : list(FEDORA_SYSROOTS).filter(hasHeaders).sort(byNumbers).at(-1)
  const sysroot = newest === undefined ? [] : [`--sysroot=${FEDORA_SYSROOTS}/${newest}`]
  const probe = (words: string[]): string[] => [command, ...sysroot, ...words]
  const library = isNative ? '/usr/lib/aarch64-linux-gnu/libc.a' : '/usr/aarch64-linux-gnu/lib/libc.a'
  const include = isNative ? '/usr/include/linux/errno.h' : '/usr/aarch64-linux-gnu/include/linux/errno.h'
  const of = (name: string, native: string): string => (isNative ? native : name)
  return {
    prefix,
    sysroot,
    compiler: { command, package: of('gcc-aarch64-linux-gnu', 'gcc'), purpose: 'build for arm64' },
    libc: {
      file: library,
      probe: probe(LINKS_STATICALLY),
      package: of('libc6-dev-arm64-cross', 'libc6-dev'),
      purpose: PURPOSE,
    },
    headers: {
      file: include,
      probe: probe(HAS_HEADERS),
      package: of('linux-libc-dev-arm64-cross', 'linux-libc-dev'),
      purpose: PURPOSE,
    },
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

/** Emulated processors, the same on any host; or the host's own. */
const EMULATED: Processors = { gic: '3', cpu: 'cortex-a57', acceleration: [], text: 'emulated cortex-a57 (TCG)' }
const HOSTS: Processors = { gic: 'host', cpu: 'host', acceleration: ['-accel', 'kvm'], text: "the host's own (KVM)" }

/**
 * What the user chose; else KVM on an arm64 host where it works, else emulation. `whyNoGuest` tries to make a guest with KVM.
 * Throws LabError if KVM was chosen and does not work.
 */
export function chooseProcessors(
  arch: string,
  chosen: string | undefined,
  whyNoGuest: () => string | undefined,
): Processors {
  if (chosen === 'tcg' || (chosen === undefined && arch !== 'arm64')) return EMULATED
  if (chosen !== undefined && !ACCELERATORS.includes(chosen)) {
    throw new LabError(`${ACCELERATOR_VARIABLE} is ${chosen}; it can be ${ACCELERATORS.join(' or ')}`)
  }
  const why = arch === 'arm64' ? whyNoGuest() : `KVM runs arm64 guests on arm64 hosts only, and this is ${arch}`
  if (why === undefined) return HOSTS
  if (chosen === 'kvm') throw new LabError(`--accel kvm: ${why}`)
  return { ...EMULATED, text: `${EMULATED.text}, because ${why}` }
}

let known: Processors | undefined
/** The processors on this host; QEMU is asked once. */
export function processors(qemu: string): Processors {
  known ??= chooseProcessors(process.arch, process.env[ACCELERATOR_VARIABLE], () => whyNoGuest(qemu))
  return known
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
