/**
 * Debian's packages on a machine without apt: found in the mirror's index and fetched by curl, checked by the sizes and
 * sums that the index has, and unpacked as the ar archives that they are. What apt adds, and this has not, is the check of
 * Debian's signature: the mirror is trusted, over https.
 */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Progress } from '../../src/support/progress.js'
import { WorkError } from '../support/errors.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'

export interface PackageOptions {
  signal?: AbortSignal | undefined
  progress: Progress
}

export interface DebianPackage {
  name: string
  version: string
}

/** A package of the index, with where its file is and what that must be. */
interface Entry extends DebianPackage {
  filename: string
  sha256: string
}

const AR_MAGIC = '!<arch>\n'
const AR_HEADER = 60

async function fetch(url: string, file: string, options: PackageOptions): Promise<void> {
  const words = ['--fail', '--location', '--silent', '--show-error', '--retry', '2', '--output', `${file}.partial`, url]
  await run('curl', words, { signal: options.signal, what: `fetching ${url}` })
  renameSync(`${file}.partial`, file)
}

/** The newest version of a package for arm64 (or all machines) in the suites, the later of which has the newer ones. */
export async function findOnMirror(
  name: string,
  mirror: string,
  suites: readonly string[],
  options: PackageOptions,
): Promise<DebianPackage | undefined> {
  for (const suite of [...suites].reverse()) {
    const entry = entryOf(name, await readIndex(mirror, suite, options))
    if (entry) return entry
  }
  return undefined
}

/** The text of a suite's index. It is fetched anew each time: a package that it names is gone when it is old. */
async function readIndex(mirror: string, suite: string, options: PackageOptions): Promise<string> {
  options.progress.update(`reading Debian's package lists from ${mirror}`)
  const packed = cachePath('mirror', `${suite}.xz`)
  await fetch(`${mirror}/dists/${suite}/main/binary-arm64/Packages.xz`, packed, options)
  await run('xz', ['--decompress', '--force', '--keep', packed], { signal: options.signal })
  return readFileSync(cachePath('mirror', suite), 'utf8')
}

/** A package's entry in an index, or undefined. */
export function entryOf(name: string, index: string): Entry | undefined {
  const start = index.startsWith(`Package: ${name}\n`) ? 0 : index.indexOf(`\n\nPackage: ${name}\n`)
  if (start < 0) return undefined
  const end = index.indexOf('\n\n', start + 2)
  const stanza = index.slice(start, end < 0 ? undefined : end)
  const field = (key: string): string => new RegExp(`^${key}: (\\S+)$`, 'm').exec(stanza)?.[1] ?? ''
  return { name, version: field('Version'), filename: field('Filename'), sha256: field('SHA256') }
}

/** Downloads a package that was found before into a folder and returns the .deb's path. */
export async function downloadFromMirror(
  found: DebianPackage,
  mirror: string,
  folder: string,
  options: PackageOptions,
): Promise<string> {
  const { filename, sha256 } = found as Entry
  const path = join(folder, basename(filename))
  await fetch(`${mirror}/${filename}`, path, options)
  const sum = createHash('sha256')
  await pipeline(createReadStream(path), sum)
  const seen = sum.digest('hex')
  if (seen === sha256) return path
  rmSync(path)
  throw new WorkError(`${mirror}/${filename} has SHA-256 ${seen}, and Debian's list says ${sha256}`)
}

/** Unpacks a .deb's files below a folder, without dpkg. */
export async function unpackArchive(deb: string, folder: string, options: PackageOptions): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const { name, content } = dataOf(readFileSync(deb), deb)
  const packed = join(folder, name)
  writeFileSync(packed, content)
  try {
    await run('tar', ['--extract', '--file', packed, '--directory', folder], { signal: options.signal })
  } finally {
    if (existsSync(packed)) rmSync(packed)
  }
}

/** The member data.tar.* of a .deb: an ar archive, whose members have headers of 60 characters and even lengths. */
export function dataOf(archive: Buffer, deb: string): { name: string; content: Buffer } {
  if (archive.toString('latin1', 0, AR_MAGIC.length) !== AR_MAGIC) throw new WorkError(`${deb} is no Debian package`)
  for (let at = AR_MAGIC.length; at + AR_HEADER <= archive.length; ) {
    const header = archive.toString('latin1', at, at + AR_HEADER)
    const name = header.slice(0, 16).trim().replace(/\/$/, '')
    const size = Number(header.slice(48, 58))
    const start = at + AR_HEADER
    if (!header.endsWith('`\n') || !Number.isSafeInteger(size) || start + size > archive.length) break
    if (/^data\.tar(\.\w+)?$/.test(name)) return { name, content: archive.subarray(start, start + size) }
    at = start + size + (size % 2)
  }
  throw new WorkError(`${deb} has no data: it is cut off, or no Debian package`)
}
