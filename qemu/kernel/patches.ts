/** Patches as people have them: plain diffs, or mails of a list with headers and a footer around the diff. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { PackageOptions } from '../setup/mirror.js'
import { LabError, WorkError } from '../support/errors.js'
import { run } from '../support/process.js'
import { requireTools, toolsFor } from '../support/tools.js'

export interface Patch {
  path: string
  /** The text to apply: encodings of mail undone. */
  text: string
}

/** What a patch calls itself: a mail's subject, or else its file's name. */
export function subjectOf({ path, text }: Patch): string {
  const line = /^(?:Subject: *)?(\[PATCH\b.*)$/m.exec(text)?.[1] ?? /^Subject: *(.+)$/m.exec(text)?.[1]
  return line ?? basename(path)
}

export function readPatch(path: string): Patch {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new LabError(`--patch ${path}: ${(error as Error).message}`)
  }
  return { path, text: decodePatch(bytes, path) }
}

/** Forms of a saved mail that hold a diff nobody can apply, and what to do about each. */
const unusable: [pattern: RegExp, advice: string][] = [
  [/^Content-Transfer-Encoding:\s*base64/im, 'its text is base64; save the mail as plain text, or use b4'],
  [/^\s*<(!doctype|html)\b/i, 'it is a web page; save the mail as text'],
]

/** Undoes what mail does to a text: carriage returns and quoted-printable. Refuses what holds no diff. */
export function decodePatch(bytes: Buffer, name: string): string {
  const text = bytes.toString('latin1').replaceAll('\r\n', '\n')
  const found = unusable.find(([pattern]) => pattern.test(text))
  if (found) throw new LabError(`--patch ${name}: ${found[1]}`)
  const isQuoted = /^Content-Transfer-Encoding:\s*quoted-printable/im.test(text)
  const plain = isQuoted ? unquote(text) : text
  if (!/^(---|\+\+\+|diff --git) /m.test(plain)) throw new LabError(`--patch ${name}: there is no diff in it`)
  return plain
}

const unquote = (text: string): string =>
  text
    .replaceAll(/=[ \t]*\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))

/** Applies patches in their order; the first that does not apply ends it, with what patch(1) said. */
export async function applyPatches(tree: string, patches: Patch[], options: PackageOptions): Promise<void> {
  if (patches.length) requireTools(...toolsFor.patches)
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
