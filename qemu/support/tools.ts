/**
 * The programs and files of other packages that the lab needs: how to check that one is there, and what installs it. A check
 * is cheap (it asks no package manager), so every command checks before it starts.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ARCHITECTURES, target } from './architectures.js'
import { LabError } from './errors.js'
import { guestTools } from './host.js'
import { findLlvm, LLVM_MIN } from './llvm.js'
import type { Extra, Tool } from './tool.js'

const host = {
  arch: process.arch,
  has: (name: string) => findProgram(name) !== undefined,
  list: (folder: string) => (existsSync(folder) ? readdirSync(folder) : []),
}
const guests = { arm64: guestTools(host, ARCHITECTURES.arm64), arm: guestTools(host, ARCHITECTURES.arm) }
/** The prefix of the names of compiler and binutils for the guest. */
export const crossPrefix = (): string => guests[target().name].prefix
/** The name of one of them: `crossTool('nm')`. */
export const crossTool = (name: string): string => crossPrefix() + name
/** Words by which the compiler finds the guest's C library. */
export const guestSysroot = (): readonly string[] => guests[target().name].sysroot

const QEMU = { package: 'qemu-system-arm', purpose: 'boot a guest', atLeast: [8, 2] as [number, number] }

export const TOOLS = {
  qemu: { command: ARCHITECTURES.arm64.qemu, ...QEMU },
  compiler: guests.arm64.compiler,
  libc: guests.arm64.libc,
  headers: guests.arm64.headers,
  armQemu: { command: ARCHITECTURES.arm.qemu, ...QEMU, extra: 'arm' },
  armCompiler: { ...guests.arm.compiler, extra: 'arm' },
  armLibc: { ...guests.arm.libc, extra: 'arm' },
  armHeaders: { ...guests.arm.headers, extra: 'arm' },
  llvm: {
    missing: () =>
      findLlvm(findProgram) === undefined
        ? `LLVM ${LLVM_MIN} or newer, with clang, ld.lld and llvm-objcopy, is missing`
        : undefined,
    package: 'clang-19 lld-19 llvm-19',
    purpose: 'build with --llvm',
    extra: 'llvm',
  },
  sparse: {
    command: 'sparse',
    package: 'sparse',
    purpose: 'check the source of patches (run --each)',
    extra: 'sparse',
  },
  gdb: { command: 'gdb-multiarch', package: 'gdb-multiarch', purpose: 'debug a guest (--gdb)', extra: 'gdb' },
  dtc: { command: 'dtc', package: 'device-tree-compiler', purpose: 'add the SCMI node to the device tree' },
  make: { command: 'make', package: 'make', purpose: 'build a kernel' },
  hostCompiler: { command: 'gcc', package: 'gcc', purpose: "build the kernel's own tools" },
  hostLibc: { file: '/usr/include/stdio.h', package: 'libc6-dev', purpose: "build the kernel's own tools" },
  flex: { command: 'flex', package: 'flex', purpose: 'build a kernel' },
  bison: { command: 'bison', package: 'bison', purpose: 'build a kernel' },
  bc: { command: 'bc', package: 'bc', purpose: 'build a kernel' },
  libelf: { file: '/usr/include/gelf.h', package: 'libelf-dev', purpose: 'build a kernel' },
  openssl: { file: '/usr/include/openssl/opensslv.h', package: 'libssl-dev', purpose: 'build a kernel' },
  perl: { command: 'perl', package: 'perl', purpose: 'build a kernel' },
  python: { command: 'python3', package: 'python3', purpose: 'build a kernel' },
  git: { command: 'git', package: 'git', purpose: 'read mails with patches' },
  patch: { command: 'patch', package: 'patch', purpose: 'apply patches' },
  xz: { command: 'xz', package: 'xz-utils', purpose: 'unpack kernel sources' },
  tar: { command: 'tar', package: 'tar', purpose: 'unpack kernel sources' },
  dpkg: { command: 'dpkg-deb', package: 'dpkg', purpose: 'unpack packages', apt: true },
  apt: { command: 'apt-get', package: 'apt', purpose: 'fetch packages', apt: true },
  curl: { command: 'curl', package: 'curl', purpose: 'fetch packages', apt: false },
  cpio: { command: 'cpio', package: 'cpio', purpose: 'build a kernel' },
  kmod: { command: 'depmod', package: 'kmod', purpose: 'build a kernel' },
  clang: { command: 'clang++', package: 'clang', purpose: 'fuzz', forTests: true },
  fuzzer: { file: '/usr/share/doc/libclang-rt-dev', package: 'libclang-rt-dev', purpose: 'fuzz', forTests: true },
  protoc: { command: 'protoc', package: 'protobuf-compiler', purpose: 'test traces', forTests: true },
  keyring: {
    file: '/usr/share/keyrings/debian-archive-keyring.gpg',
    package: 'debian-archive-keyring',
    purpose: "check Debian's signatures",
    apt: true,
  },
  // The package's binaries for the other kind of machine.
  crossCxx:
    process.arch === 'arm64'
      ? { command: 'x86_64-linux-gnu-g++', package: 'g++-x86-64-linux-gnu', purpose: 'pack', forTests: true }
      : { command: 'aarch64-linux-gnu-g++', package: 'g++-aarch64-linux-gnu', purpose: 'pack', forTests: true },
  browser: {
    command: 'chromium-headless-shell',
    package: 'chromium-headless-shell',
    purpose: 'look at the web view',
    forTests: true,
  },
  strace: { command: 'strace', package: 'strace', purpose: 'test what the device asks of the kernel', forTests: true },
  systemd: { command: 'systemd-analyze', package: 'systemd', purpose: 'test the systemd units', forTests: true },
  zsh: { command: 'zsh', package: 'zsh', purpose: 'test completion', forTests: true },
  pythonGrpc: {
    file: '/usr/lib/python3/dist-packages/grpc/__init__.py',
    package: 'python3-grpcio',
    purpose: 'test the control service',
    forTests: true,
  },
  pythonProtobuf: {
    file: '/usr/lib/python3/dist-packages/google/protobuf/__init__.py',
    package: 'python3-protobuf',
    purpose: 'test the control service',
    forTests: true,
  },
} satisfies Record<string, Tool>

export type ToolName = keyof typeof TOOLS

/** What takes a tool's place for 32-bit guests. */
const FOR_ARM: Partial<Record<ToolName, ToolName>> = {
  qemu: 'armQemu',
  compiler: 'armCompiler',
  libc: 'armLibc',
  headers: 'armHeaders',
}

/** The tool that this one is for the guest's architecture. */
const forTarget = (name: ToolName): ToolName => (target().name === 'arm' ? (FOR_ARM[name] ?? name) : name)

/** The tools that each kind of work needs. */
export const TOOLS_FOR = {
  boot: ['qemu', 'dtc'],
  guestPrograms: ['compiler', 'libc', 'headers'],
  packages: ['apt', 'dpkg', 'keyring', 'curl', 'tar', 'xz'],
  kernel: [
    ...(['compiler', 'make', 'hostCompiler', 'hostLibc', 'flex', 'bison', 'bc', 'libelf', 'openssl'] as const),
    ...(['perl', 'python', 'cpio', 'kmod'] as const),
  ],
  patches: ['patch'],
  mails: ['git'],
  fuzzing: ['clang', 'fuzzer'],
} satisfies Record<string, ToolName[]>

/** Whether this machine has apt, which fetches Debian's packages and installs the lab's. */
export const hasApt = (): boolean => findProgram('apt-get') !== undefined

/** Whether this machine needs a tool: some are needed only with apt, some only in place of it. */
const isWanted = (name: ToolName): boolean => {
  const { apt } = TOOLS[name] as Tool
  return apt === undefined || apt === hasApt()
}

/** Whether only the project's tests need a tool. */
export const isForTests = (name: ToolName): boolean => (TOOLS[name] as Tool).forTests === true

/** What has to be named to `setup --with` for a tool to be installed; undefined: nothing. */
export const extraOf = (name: ToolName): Extra | undefined => (TOOLS[name] as Tool).extra

/**
 * Programs that were new enough. They are asked once, because a run of the lab boots a hundred guests, and asking blocks the
 * devices of the guests that run.
 */
const newEnough = new Set<string>()

/** What is wrong with a tool: it is missing or too old; undefined if nothing is. */
export function fault(name: ToolName): string | undefined {
  const tool: Tool = TOOLS[name]
  if (!isWanted(name)) return undefined
  if (tool.missing) return tool.missing()
  if (tool.file) return can(tool.file, constants.R_OK) || succeeds(tool.probe) ? undefined : `${tool.file} is missing`
  const path = findProgram(tool.command!)
  if (!path) return `${tool.command} is missing`
  if (!tool.atLeast || newEnough.has(path)) return undefined
  const found = programVersion(path)
  const [major, minor] = tool.atLeast
  const isNewEnough = found.major > major || (found.major === major && found.minor >= minor)
  if (!isNewEnough) return `${tool.command} ${found.text} is too old (${major}.${minor} or newer is needed)`
  newEnough.add(path)
  return undefined
}

/** Throws one LabError that names all of these tools, in their form for the guest's architecture, that are missing or too old. */
export const requireTools = (...names: ToolName[]): void => requireExactly(...names.map(forTarget))

/** The same for tools as they are named. */
export function requireExactly(...names: ToolName[]): void {
  const bad = names.filter(name => fault(name))
  if (bad.length === 0) return
  const lines = bad.map(name => `${fault(name)}: package ${TOOLS[name].package}, needed to ${TOOLS[name].purpose}`)
  const extras = [...new Set(bad.flatMap(name => extraOf(name) ?? []))]
  const words = extras.length > 0 ? `scmi-lab setup --with ${extras.join()}` : 'scmi-lab setup'
  throw new LabError(`${lines.join('\n')}\n"${words}" installs ${bad.length === 1 ? 'it' : 'them'}.`)
}

function succeeds(words: readonly string[] | undefined): boolean {
  const [name, ...args] = words ?? []
  const program = name === undefined ? undefined : findProgram(name)
  return program !== undefined && spawnSync(program, args, { stdio: 'ignore', timeout: 10_000 }).status === 0
}

/** Whether a file can be read (or run). */
function can(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}

/** The path of a program, from PATH or the administrator's folders, which a user's PATH may lack. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  if (folders.length) folders.push('/usr/sbin', '/sbin')
  return folders.map(folder => join(folder, name)).find(path => can(path, constants.X_OK))
}

export function programVersion(path: string): { major: number; minor: number; text: string } {
  const text = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const match = /version (\d+)\.(\d+)[^\s]*/.exec(text)
  if (!match) throw new LabError(`${path} --version says "${text.split('\n')[0]}": no version in it`)
  return { major: Number(match[1]), minor: Number(match[2]), text: match[0].slice('version '.length) }
}
