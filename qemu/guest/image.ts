/**
 * The initramfs: Debian's static busybox for arm64, the lab's guest programs, and the caller's files. Built without root,
 * cached by a hash of its inputs. It is not compressed, because the emulated guest would have to unpack it at every boot.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { PackageOptions } from '../setup/mirror.js'
import { downloadPackage, findPackage, unpackPackage } from '../setup/packages.js'
import { LabError } from '../support/errors.js'
import { hash, writeWhole } from '../support/files.js'
import { withLock } from '../support/lock.js'
import { cachePath, labFile } from '../support/paths.js'
import { run } from '../support/process.js'
import { crossPrefix, guestSysroot, requireTools, TOOLS_FOR } from '../support/tools.js'
import { writeCpio } from './cpio.js'

/** A file of the caller for the guest. */
export interface GuestFile {
  /** Absolute path in the guest. */
  path: string
  content: Buffer | string
  mode?: number
}

/** Shell functions for scenarios, and for people. */
export const GUEST_LIBRARY = '/lib/lab.sh'

const COMPILER_OPTIONS = ['-static', '-O2', '-Wall', '-Wextra', '-s']
const EXECUTABLE = 0o755

/** Programs of qemu/guest/ that are commands in the guest; `init` is PID 1. */
const COMMANDS = ['scmi-raw', 'scmi-storm', 'scmi-bench', 'queue-size']

/** Makes the initramfs and returns its path. */
export async function makeInitramfs(files: GuestFile[], options: PackageOptions): Promise<string> {
  const programs = await Promise.all([
    staticBusybox(options).then(file => ['bin/busybox', file] as const),
    guestProgram('init', options).then(file => ['init', file] as const),
    ...COMMANDS.map(async name => [`bin/${name}`, await guestProgram(name, options)] as const),
  ])
  const write = (contentOf: (program: string) => Buffer): Buffer =>
    writeCpio([
      ...['dev', 'proc', 'sys', 'tmp', 'run', 'root', 'etc'].map(path => ({ kind: 'folder' as const, path })),
      { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
      { kind: 'link', path: 'sbin', target: 'bin' },
      ...programs.map(([path, program]) => ({
        kind: 'file' as const,
        path,
        mode: EXECUTABLE,
        content: contentOf(program),
      })),
      { kind: 'link', path: 'bin/sh', target: 'busybox' },
      { kind: 'file', path: 'etc/profile', content: readFileSync(labFile('guest', 'profile')) },
      { kind: 'file', path: GUEST_LIBRARY, content: readFileSync(labFile('guest', 'lab.sh')) },
      ...files.map(file => ({
        kind: 'file' as const,
        path: file.path.replace(/^\/+/, ''),
        mode: file.mode ?? modeOf(file),
        content: Buffer.from(file.content as string),
      })),
    ])
  // A run boots a hundred guests: to save time the hash uses size and time of each program, not its content.
  const path = cachePath('initramfs', `${hash(write(identityOf))}.cpio`)
  if (existsSync(path)) return path
  const archive = write(program => readFileSync(program))
  writeWhole(path, archive)
  return path
}

/** Identifies a program in the cache among all that had its name. */
function identityOf(program: string): Buffer {
  const { size, mtimeMs } = statSync(program)
  return Buffer.from(`${program} ${size} ${mtimeMs}`)
}

/** Scripts and programs are made executable. */
function modeOf(file: GuestFile): number {
  const start = Buffer.from(file.content as string)
    .subarray(0, 4)
    .toString('latin1')
  return start.startsWith('#!') || start === '\x7fELF' ? EXECUTABLE : 0o644
}

/** Programs that are being built, so that guests that boot at the same time build each only once. */
const making = new Map<string, Promise<string>>()

function guestProgram(name: string, options: PackageOptions): Promise<string> {
  const made = making.get(name) ?? compileProgram(name, options).finally(() => making.delete(name))
  making.set(name, made)
  return made
}

/** The C files of a program, and the headers that they may include: qemu/guest/NAME.c, or those of a folder of its own. */
function sourcesOf(name: string): { sources: string[]; headers: string[] } {
  const folder = labFile('guest', name)
  if (!existsSync(folder)) return { sources: [labFile('guest', `${name}.c`)], headers: [labFile('guest', 'raw.h')] }
  const files = (suffix: string): string[] =>
    readdirSync(folder)
      .filter(file => file.endsWith(suffix))
      .sort()
      .map(file => join(folder, file))
  return { sources: files('.c'), headers: files('.h') }
}

/** Cross-compiles a program, unless the cache has it from the same compiler, sources and headers. */
async function compileProgram(name: string, options: PackageOptions): Promise<string> {
  const { sources, headers } = sourcesOf(name)
  requireTools('compiler')
  const texts = [...sources, ...headers].map(file => readFileSync(file))
  const path = cachePath(
    'guest',
    `${name}-${hash(...texts, compilerVersion(), [...guestSysroot, ...COMPILER_OPTIONS].join(' '))}`,
  )
  if (existsSync(path)) return path
  requireTools(...TOOLS_FOR.guestPrograms)
  const partial = `${path}.${process.pid}.partial`
  const words = [...guestSysroot, ...COMPILER_OPTIONS, '-o', partial, ...sources]
  await run(`${crossPrefix}gcc`, words, { signal: options.signal })
  renameSync(partial, path)
  return path
}

let knownCompiler: string | undefined
/** The first line of the cross compiler's --version: part of the hash of compiled files. */
export function compilerVersion(): string {
  knownCompiler ??= execFileSync(`${crossPrefix}gcc`, ['--version'], { encoding: 'utf8' }).split('\n')[0]!
  return knownCompiler
}

/** Environment variable with the path of the user's busybox. */
export const BUSYBOX_VARIABLE = 'SCMI_LAB_BUSYBOX'

/** ELF, 64 bits, little-endian; and in the header's half-word at 18, the machine (EM_AARCH64). */
const ELF_64_LITTLE = '\x7fELF\x02\x01'
const EM_AARCH64 = 183

/** The user's busybox; throws if it is not for arm64. */
function ownBusybox(path: string): string {
  const bad = (why: string): LabError => new LabError(`--busybox ${path}: ${why}`)
  if (!existsSync(path)) throw bad('no such file')
  const start = readFileSync(path).subarray(0, 20)
  if (start.length < 20 || start.toString('latin1', 0, 6) !== ELF_64_LITTLE || start.readUInt16LE(18) !== EM_AARCH64) {
    throw bad('is no program for arm64')
  }
  return path
}

/** The path of the user's busybox, or of Debian's static one for arm64, unpacked from its package. */
async function staticBusybox(options: PackageOptions): Promise<string> {
  const own = process.env[BUSYBOX_VARIABLE]
  if (own) return ownBusybox(own)
  const path = cachePath('guest', 'busybox')
  const ready = () => existsSync(path) && statSync(path).size > 0
  if (ready()) return path
  return withLock(cachePath('guest', 'busybox.lock'), options, async () => {
    if (ready()) return path
    const folder = mkdtempSync(join(dirname(path), 'unpack-'))
    try {
      const deb = await downloadPackage(await findPackage('busybox-static', options), folder, options)
      await unpackPackage(deb, join(folder, 'files'), options)
      const found = ['usr/bin/busybox', 'bin/busybox'].map(name => join(folder, 'files', name)).find(existsSync)
      renameSync(found ?? join(folder, 'files', 'busybox'), path)
      return path
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
