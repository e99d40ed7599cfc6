/**
 * Debian packages on a machine without apt: found in the mirror's index, fetched by curl, checked against the index's sizes
 * and checksums, and unpacked as ar archives. Unlike apt this does not check Debian's signature: it trusts the mirror, over
 * https.
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
  /** Debian's name of the architecture; default: arm64. */
  architecture?: string
}

/** The architecture of most packages that are fetched: the guest's, unless it has 32 bits. */
export const USUAL_ARCHITECTURE = 'arm64'

export interface DebianPackage {
  name: string
  version: string
}

/** A package in the index, with the path, size and checksum of its file. */
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

/** The newest version of a package for an architecture (or all machines) in the suites; a later suite has newer versions. */
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

/** The text of a suite's index, fetched each time: the mirror no longer has the packages of an old index. */
async function readIndex(mirror: string, suite: string, options: PackageOptions): Promise<string> {
  options.progress.update(`reading Debian's package lists from ${mirror}`)
  const { architecture = USUAL_ARCHITECTURE } = options
  const name = architecture === USUAL_ARCHITECTURE ? suite : `${suite}-${architecture}`
  const packed = cachePath('mirror', `${name}.xz`)
  await fetch(`${mirror}/dists/${suite}/main/binary-${architecture}/Packages.xz`, packed, options)
  await run('xz', ['--decompress', '--force', '--keep', packed], { signal: options.signal })
  return readFileSync(cachePath('mirror', name), 'utf8')
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

/** Downloads a package that was found into a folder, and returns the path of the .deb. */
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
