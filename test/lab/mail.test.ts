/** Patches in mails are decoded as `git am` would. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isMail } from '../../qemu/kernel/mail.js'
import { decodePatch, readPatch, subjectOf } from '../../qemu/kernel/patches.js'

/** A diff with lines that look like quoted-printable. */
const diff = (name: string): string => `diff --git a/${name} b/${name}
--- a/${name}
+++ b/${name}
@@ -1,3 +1,3 @@
 mode=20
-was=
+is=10
 end=
`

const FROM = 'From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001'

function mail(subject: string, body: string, encoding?: string): string {
  const encode = { 'quoted-printable': quoted, base64: (text: string) => Buffer.from(text).toString('base64') }
  const headers = [FROM, 'From: A <a@example.org>', 'Date: Mon, 4 May 2026 09:52:03 -0700', `Subject: ${subject}`]
  const how = encoding ? [`Content-Transfer-Encoding: ${encoding}`] : []
  const text = encoding && encoding in encode ? encode[encoding as keyof typeof encode](body) : body
  return [...headers, ...how, '', text, ''].join('\n')
}

const quoted = (text: string): string => text.replaceAll('=', '=3D').replaceAll(/^(.{20})(.+)$/gm, '$1=\n$2')

const decoded = (...mails: string[]): string => decodePatch(Buffer.from(mails.join('\n'), 'latin1'), 'x.mbox')

describe('an mbox', () => {
  test('has each mail decoded by its own header', () => {
    const text = decoded(
      mail('[PATCH 1/3] one', `Why.\n---\n\n${diff('one')}`, '8bit'),
      mail('[PATCH 2/3] two', `Why.\n---\n\n${diff('two')}`, 'quoted-printable'),
      mail('[PATCH 3/3] three', `Why.\n---\n\n${diff('three')}`, 'base64'),
    )
    for (const name of ['one', 'two', 'three']) expect(text).toContain(diff(name))
  })

  test('may have a cover letter, a reply that quotes a hunk, and a message that speaks of base64', () => {
    const quote = diff('one').replaceAll(/^/gm, '> ')
    const text = decoded(
      mail('[PATCH 0/1] cover', 'What it is about.\n', 'base64'),
      mail('[PATCH 1/1] one', `Content-Transfer-Encoding: base64\n\nis what it decodes.\n---\n${diff('one')}`),
      mail('Re: [PATCH 1/1] one', `On Monday, A wrote:\n${quote}\nLooks good.\n`),
    )
    expect(text.match(/^diff --git/gm)).toHaveLength(1)
    expect(text).not.toContain('> ')
    expect(subjectOf({ path: 'x.mbox', text })).toBe('[PATCH 1/1] one')
  })

  test('without a patch is refused', () => {
    expect(() => decoded(mail('Re: [PATCH] one', `> ${diff('one').replaceAll('\n', '\n> ')}\n`))).toThrow(
      '--patch x.mbox: there is no diff in it',
    )
  })
})

describe('a file', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('may be compressed', () => {
    const path = join(folder, 'series.mbox.gz')
    writeFileSync(path, gzipSync(mail('[PATCH] one', diff('one'))))
    expect(readPatch(path).text).toContain(diff('one'))
    writeFileSync(path, Buffer.from([0x1f, 0x8b, 0, 0]))
    expect(() => readPatch(path)).toThrow(`--patch ${path}: it can't be unpacked`)
  })

  test('is recognised as a mail by its headers; a diff or an archive page is not', () => {
    expect(isMail(mail('one', diff('one')))).toBe(true)
    expect(isMail(`Subject: [PATCH] one\n\n${diff('one')}`)).toBe(true)
    expect(isMail(diff('one'))).toBe(false)
    expect(isMail(`[PATCH v1 2/3] one\n\nA. Developer a at example.org\n\n${diff('one')}`)).toBe(false)
  })
})
