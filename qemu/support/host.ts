/** What depends on the host: an arm64 host needs no cross compiler, and may have KVM. */
import { spawnSync } from 'node:child_process'
import type { Tool } from './tool.js'

interface GuestTools {
  /** The prefix of the compiler's and binutils' names. */
  prefix: string
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

/** The tools that build for arm64 on a host of this architecture (process.arch); `has` tells which programs there are. */
export function guestTools(arch: string, has: (program: string) => boolean): GuestTools {
  const isNative = arch === 'arm64'
  const cross = CROSS_PREFIXES.find(name => has(`${name}gcc`)) ?? CROSS_PREFIXES[0]!
  const prefix = isNative ? '' : cross
  const command = `${prefix}gcc`
  const probe = (words: string[]): string[] => [command, ...words]
  const library = isNative ? '/usr/lib/aarch64-linux-gnu/libc.a' : '/usr/aarch64-linux-gnu/lib/libc.a'
  const include = isNative ? '/usr/include/linux/errno.h' : '/usr/aarch64-linux-gnu/include/linux/errno.h'
  const of = (name: string, native: string): string => (isNative ? native : name)
  return {
    prefix,
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

/** How QEMU provides the guest's processors. */
export interface Processors {
  /** gic-version of QEMU's machine "virt". */
  gic: string
  cpu: string
  /** Further words for QEMU. */
  acceleration: string[]
}

/** Emulated processors, the same on any host; or the host's own. */
const EMULATED: Processors = { gic: '3', cpu: 'cortex-a57', acceleration: [] }
const HOSTS: Processors = { gic: 'host', cpu: 'host', acceleration: ['-accel', 'kvm'] }

/** KVM on an arm64 host where it works, else emulation. */
export function chooseProcessors(arch: string, canMakeGuest: () => boolean): Processors {
  return arch === 'arm64' && canMakeGuest() ? HOSTS : EMULATED
}

let chosen: Processors | undefined
/** The processors on this host; QEMU is asked once. */
export function processors(qemu: string): Processors {
  chosen ??= chooseProcessors(process.arch, () => makesGuest(qemu))
  return chosen
}

/** Whether QEMU can make a machine with KVM: it makes one, dumps its device tree, and ends. */
function makesGuest(qemu: string): boolean {
  const machine = `virt,gic-version=${HOSTS.gic},dumpdtb=/dev/null`
  const words = ['-machine', machine, '-cpu', HOSTS.cpu, ...HOSTS.acceleration, '-display', 'none', '-nic', 'none']
  return spawnSync(qemu, words, { stdio: 'ignore', timeout: 10_000 }).status === 0
}
