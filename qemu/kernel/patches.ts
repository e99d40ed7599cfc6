/** Patch files: plain diffs, or mails of a list with headers and a footer around the diff. */
import { basename } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { PackageOptions } from '../setup/mirror.js'
import { LabError, WorkError } from '../support/errors.js'
import { hash, isGzip, writeWhole } from '../support/files.js'
import { readFileBytes } from '../support/given-file.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { DIFF, isMail, patchesIn } from './mail.js'

export interface Patch {
  path: string
  /** The text to apply, without a mail's encoding. */
  text: string
}

/** A patch's name: the mail's subject, else the file's name. */
export function subjectOf({ path, text }: Patch): string {
  const line = /^(?:Subject: *)?(\[PATCH\b.*)$/m.exec(text)?.[1] ?? /^Subject: *(.+)$/m.exec(text)?.[1]
  return line ?? basename(path)
}

/** Far more than the patch from one release to the next. */
const BYTES_MAX = 200_000_000

/** Throws LabError. */
export function readPatch(path: string): Patch {
  return { path, text: decodePatch(readFileBytes(path, BYTES_MAX, '--patch '), path) }
}

/** The files that a patch changes, adds or removes. */
export const filesIn = ({ text }: Patch): string[] => [
  ...new Set([...text.matchAll(/^(?:---|\+\+\+) [^/\s]+\/(\S+)/gm)].map(([, name]) => name!)),
]

/** Files with one patch each, in order: a mail of an mbox gets a file in the cache; a file with one patch stays as it is. */
export function splitSeries(paths: readonly string[]): string[] {
  return paths.flatMap(path => {
    const given = readFileBytes(path, BYTES_MAX, '--patch ')
    const bytes = isGzip(given) ? unpacked(given, path) : given
    const texts = isMail(bytes.toString('latin1').replaceAll('\r\n', '\n')) ? patchesOf(bytes, path) : []
    if (texts.length < 2) return [path]
    return texts.map((text, index) => {
      const name = `${String(index + 1).padStart(4, '0')}-${hash(text)}.patch`
      const file = cachePath('patches', name)
      writeWhole(file, Buffer.from(text, 'latin1'))
      return file
    })
  })
}

/** Limit of an unpacked patch file; a series is far smaller. */
const MAX_BYTES = 64 << 20

/** The diffs of a file: plain ones, or those of mails (mail.ts), also compressed. Refuses a file without any. */
export function decodePatch(given: Buffer, name: string): string {
  const bytes = isGzip(given) ? unpacked(given, name) : given
  const text = bytes.toString('latin1').replaceAll('\r\n', '\n')
  if (/^\s*<(!doctype|html)\b/i.test(text))
    throw new LabError(`--patch ${name}: it is a web page; save the mail as text`)
  const diffs = isMail(text) ? patchesOf(bytes, name).join('\n') : text
  if (!DIFF.test(diffs)) throw new LabError(`--patch ${name}: there is no diff in it`)
  return diffs
}

function patchesOf(mails: Buffer, name: string): string[] {
  requireTools(...TOOLS_FOR.mails)
  try {
    return patchesIn(mails)
  } catch (error) {
    const words = String((error as { stderr?: string }).stderr ?? (error as Error).message).trim()
    throw new LabError(`--patch ${name}: git can't read the mails: ${words.split('\n')[0]}`)
  }
}

function unpacked(bytes: Buffer, name: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES })
  } catch (error) {
    throw new LabError(`--patch ${name}: it can't be unpacked: ${(error as Error).message}`)
  }
}

/** Applies patches in order; rejects at the first that does not apply, with the output of patch(1). */
export async function applyPatches(tree: string, patches: Patch[], options: PackageOptions): Promise<void> {
  if (patches.length) requireTools(...TOOLS_FOR.patches)
  const args = ['-p1', '--batch', '--forward', '--no-backup-if-mismatch', '--reject-file=-', '-d', tree]
  for (const { path, text } of patches) {
    options.progress.update(`applying ${basename(path)}`)
    const stdin = Buffer.from(text, 'latin1')
    await run('patch', args, { signal: options.signal, stdin, what: `patch ${path}` }).catch(error => {
      if (!(error instanceof WorkError)) throw error
      throw new WorkError(`${path} does not apply\n${error.message}`)
    })
  }
}
