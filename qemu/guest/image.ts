/**
 * The initramfs: Debian's static busybox, the lab's guest programs, and the caller's files. Built without root,
 * cached by a hash of its inputs. It is not compressed, because the emulated guest would have to unpack it at every boot.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { PackageOptions } from '../setup/mirror.js'
import { downloadPackage, findPackage, unpackPackage } from '../setup/packages.js'
import { target } from '../support/architectures.js'
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
const COMMANDS = ['scmi-raw', 'scmi-storm', 'scmi-bench', 'scmi-tdcf', 'queue-size']

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
    `${name}-${hash(...texts, compilerVersion(), [...guestSysroot(), ...COMPILER_OPTIONS].join(' '))}`,
  )
  if (existsSync(path)) return path
  requireTools(...TOOLS_FOR.guestPrograms)
  const partial = `${path}.${process.pid}.partial`
  const words = [...guestSysroot(), ...COMPILER_OPTIONS, '-o', partial, ...sources]
  await run(`${crossPrefix()}gcc`, words, { signal: options.signal })
  renameSync(partial, path)
  return path
}

const knownCompilers = new Map<string, string>()
/** The first line of the cross compiler's --version: part of the hash of compiled files. */
export function compilerVersion(): string {
  const compiler = `${crossPrefix()}gcc`
  const version =
    knownCompilers.get(compiler) ?? execFileSync(compiler, ['--version'], { encoding: 'utf8' }).split('\n')[0]!
  knownCompilers.set(compiler, version)
  return version
}

/** Environment variable with the path of the user's busybox. */
export const BUSYBOX_VARIABLE = 'SCMI_LAB_BUSYBOX'

/** Of a program for the guest: the header's beginning, with its class and little-endian; and at 18, the machine. */
const ELF_BYTES = 20

/** The user's busybox; throws if it is not for the guest. */
function ownBusybox(path: string): string {
  const bad = (why: string): LabError => new LabError(`--busybox ${path}: ${why}`)
  if (!existsSync(path)) throw bad('no such file')
  const { name, elfClass, elfMachine } = target()
  const start = readFileSync(path).subarray(0, ELF_BYTES)
  const magic = Buffer.from([0x7f, ...Buffer.from('ELF'), elfClass, 1])
  if (start.length < ELF_BYTES || !start.subarray(0, 6).equals(magic) || start.readUInt16LE(18) !== elfMachine) {
    throw bad(`is no program for ${name}`)
  }
  return path
}

/** The path of the user's busybox, or of Debian's static one, unpacked from its package. */
async function staticBusybox(options: PackageOptions): Promise<string> {
  const own = process.env[BUSYBOX_VARIABLE]
  if (own) return ownBusybox(own)
  const { name, debian } = target()
  const file = name === 'arm64' ? 'busybox' : `busybox-${name}`
  const path = cachePath('guest', file)
  const ready = () => existsSync(path) && statSync(path).size > 0
  if (ready()) return path
  return withLock(cachePath('guest', `${file}.lock`), options, async () => {
    if (ready()) return path
    const folder = mkdtempSync(join(dirname(path), 'unpack-'))
    const ofGuest = { ...options, architecture: debian }
    try {
      const deb = await downloadPackage(await findPackage('busybox-static', ofGuest), folder, ofGuest)
      await unpackPackage(deb, join(folder, 'files'), options)
      const found = ['usr/bin/busybox', 'bin/busybox'].map(name => join(folder, 'files', name)).find(existsSync)
      renameSync(found ?? join(folder, 'files', 'busybox'), path)
      return path
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
