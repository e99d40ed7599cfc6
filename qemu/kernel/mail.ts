/**
 * Mails with patches, parsed by git itself, so that what applies with `git am` applies here: each mail of an mbox by its own
 * headers, decoded from quoted-printable and base64; replies and cover letters are left out.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MAX_BYTES = 1 << 28
/** A text with these headers is a mail, not a diff or a page that was saved as text. */
const HEADER = /^(?:From|Subject|Date|Message-I[dD]|MIME-Version|Content-(?:Type|Transfer-Encoding)):/m
/** The beginning of a diff: git's, or any with two file names. */
export const DIFF = /^(?:diff --git |--- .*\n\+\+\+ )/m

/** Whether `text` is an mbox, or one mail with its headers. */
export function isMail(text: string): boolean {
  if (/^From \S+ .*\d{4}$/m.test(text.slice(0, text.indexOf('\n')))) return true
  const [head = ''] = text.split('\n\n', 1)
  const areHeaders = head.split('\n').every(line => /^(?:[!-9;-~]+:|[ \t])/.test(line))
  return areHeaders && HEADER.test(head)
}

/** The patches of an mbox or mail in their order, each with its subject before it. Bytes are latin-1 characters. */
export function patchesIn(mails: Buffer): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-mails-'))
  const git = (args: string[], input: Buffer): string =>
    execFileSync('git', args, {
      cwd: folder,
      input,
      maxBuffer: MAX_BYTES,
      encoding: 'latin1',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
  try {
    writeFileSync(join(folder, 'mbox'), mails)
    git(['mailsplit', '-b', '-o.', 'mbox'], Buffer.alloc(0))
    const names = readdirSync(folder)
      .filter(name => /^\d+$/.test(name))
      .sort()
    return names.flatMap(name => {
      const info = git(['mailinfo', '-k', '-n', 'message', 'patch'], readFileSync(join(folder, name)))
      const patch = readFileSync(join(folder, 'patch'), 'latin1').replaceAll('\r\n', '\n')
      const subject = /^Subject: (.*)$/m.exec(info)?.[1] ?? ''
      return DIFF.test(patch) ? [`Subject: ${subject}\n\n${patch}`] : []
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
