/** What depends on the kind of machine that the lab runs on: an arm64 host needs no cross compiler, and may have KVM. */
import { spawnSync } from 'node:child_process'
import type { Tool } from './tool.js'

interface GuestTools {
  /** What the names of the compiler and its like begin with. */
  prefix: string
  compiler: Tool
  libc: Tool
  headers: Tool
}

const purpose = 'build guest programs'
/** Where a system keeps them elsewhere, the compiler is asked. */
const linksStatically = ['-static', '-nostartfiles', '-xc', '/dev/null', '-o', '/dev/null']
const hasHeaders = ['-fsyntax-only', '-include', 'linux/errno.h', '-xc', '/dev/null']

/** What builds for arm64 on a host of this kind (process.arch). */
export function guestTools(arch: string): GuestTools {
  const isNative = arch === 'arm64'
  const prefix = isNative ? '' : 'aarch64-linux-gnu-'
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
      probe: probe(linksStatically),
      package: of('libc6-dev-arm64-cross', 'libc6-dev'),
      purpose,
    },
    headers: {
      file: include,
      probe: probe(hasHeaders),
      package: of('linux-libc-dev-arm64-cross', 'linux-libc-dev'),
      purpose,
    },
  }
}

/** How the guest's processors are made. */
export interface Processors {
  /** Of QEMU's machine "virt". */
  gic: string
  cpu: string
  /** Words for QEMU beside those. */
  acceleration: string[]
}

/** Emulated on any host, always the same, or the host's own. */
const emulated: Processors = { gic: '3', cpu: 'cortex-a57', acceleration: [] }
const hosts: Processors = { gic: 'host', cpu: 'host', acceleration: ['-accel', 'kvm'] }

/** KVM where it can make an arm64 guest: on an arm64 host, if it does make one. */
export function chooseProcessors(arch: string, canMakeGuest: () => boolean): Processors {
  return arch === 'arm64' && canMakeGuest() ? hosts : emulated
}

let chosen: Processors | undefined
/** Those of this host; QEMU is asked once. */
export function processors(qemu: string): Processors {
  chosen ??= chooseProcessors(process.arch, () => makesGuest(qemu))
  return chosen
}

/** Whether QEMU makes a machine with KVM: it does so to dump its device tree, and ends. */
function makesGuest(qemu: string): boolean {
  const machine = `virt,gic-version=${hosts.gic},dumpdtb=/dev/null`
  const words = ['-machine', machine, '-cpu', hosts.cpu, ...hosts.acceleration, '-display', 'none', '-nic', 'none']
  return spawnSync(qemu, words, { stdio: 'ignore', timeout: 10_000 }).status === 0
}
