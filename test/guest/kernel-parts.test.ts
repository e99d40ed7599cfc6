/** The parts of a kernel build that need no kernel: patches, fragments, the working copy. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lostOptions, parseConfig } from '../../qemu/kernel/config.js'
import { applyPatches, decodePatch, type Patch, readPatch } from '../../qemu/kernel/patches.js'
import { restoreWorkTree } from '../../qemu/kernel/work-tree.js'
import { startProgress } from '../../src/support/progress.js'
import { numbers as before, numbersPatch as diff } from './fake-kernel.js'
import { inFolder } from './lab-command.js'

const quiet = { progress: startProgress('test', { isTTY: false, write: () => true } as unknown as NodeJS.WriteStream) }

/** A posted patch in a list's archive: masked addresses, statistics, signature, a footer without an end of line. */
const posted = `[PATCH v1 2/3] numbers: Use a digit

A. Developer a.developer at example.org
Mon May 4 09:52:03 PDT 2026


Digits are shorter.

Signed-off-by: A. Developer <a.developer at example.org>
---
 lib/numbers.txt | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/lib/numbers.txt b/lib/numbers.txt
index 326c4a93e44b..7ff9c31c3a8c 100644
${diff}-- 
2.53.0




More information about the numbers mailing list`

function makeTree(folder: string): string {
  mkdirSync(join(folder, 'lib'), { recursive: true })
  writeFileSync(join(folder, 'lib/numbers.txt'), before)
  return folder
}

const apply = (tree: string, ...patches: Patch[]): Promise<void> => applyPatches(tree, patches, quiet)
const numbers = (tree: string): string => readFileSync(join(tree, 'lib/numbers.txt'), 'utf8')

describe('patches', () => {
  test.each([
    ['a plain diff', diff],
    ['a mail of the list’s archive, with its footer', posted],
    ['a mail with carriage returns', posted.replaceAll('\n', '\r\n')],
    [
      'a quoted-printable mail',
      `Content-Transfer-Encoding: quoted-printable\n\n${posted.replaceAll('=', '=3D').replace('shorter', 'shor=\nter')}`,
    ],
  ])('%s applies', (_, text) =>
    inFolder(async folder => {
      const tree = makeTree(folder)
      await apply(tree, { path: 'x.mbox', text: decodePatch(Buffer.from(text), 'x.mbox') })
      expect(numbers(tree)).toBe(before.replace('three', '3'))
    }),
  )

  test('they apply in their order, and one that does not is named with what patch(1) said', () =>
    inFolder(async folder => {
      const tree = makeTree(folder)
      const second = { path: 'second.patch', text: diff.replace('-three', '-3').replace('+3', '+III') }
      await apply(tree, { path: 'first.patch', text: diff }, second)
      expect(numbers(tree)).toContain('III')
      await expect(apply(tree, second)).rejects.toThrow(/second\.patch does not apply[\s\S]*previously applied/)
    }))

  test('a hunk that finds no place is shown with its line', () =>
    inFolder(async folder => {
      const tree = makeTree(folder)
      writeFileSync(join(tree, 'lib/numbers.txt'), 'a\nb\nc\n')
      await expect(apply(tree, { path: 'x.patch', text: diff })).rejects.toThrow(
        /x\.patch does not apply[\s\S]*#1 FAILED at 1/,
      )
    }))

  test.each([
    ['a mail in base64 without a diff', 'Content-Transfer-Encoding: base64\n\nSGVsbG8K', 'no diff'],
    ['a web page', '<!DOCTYPE html><html>', 'web page'],
    ['a text without a diff', 'Dear all,\n', 'no diff'],
  ])('%s is refused, with advice', (_, text, words) => {
    expect(() => decodePatch(Buffer.from(text), 'x')).toThrow(words)
  })

  test('a file that is not there is the operator’s error', () => {
    expect(() => readPatch('/no/such.patch')).toThrow('--patch /no/such.patch')
  })
})

describe('the working copy', () => {
  test('gets every changed, new and deleted file back, with a new time where make must notice', () =>
    inFolder(async folder => {
      const pristine = makeTree(join(folder, 'tree'))
      const old = new Date('2020-01-01')
      for (const name of ['changed', 'deleted', 'same']) {
        writeFileSync(join(pristine, name), name)
        utimesSync(join(pristine, name), old, old)
      }
      const work = await restoreWorkTree(pristine, join(folder, 'work'), quiet)
      writeFileSync(join(work, 'changed.new'), 'other')
      renameSync(join(work, 'changed.new'), join(work, 'changed'))
      unlinkSync(join(work, 'deleted'))
      writeFileSync(join(work, 'strange'), '')
      await apply(work, { path: 'x', text: diff })

      await restoreWorkTree(pristine, work, quiet)
      expect(readFileSync(join(work, 'changed'), 'utf8')).toBe('changed')
      expect(readFileSync(join(work, 'deleted'), 'utf8')).toBe('deleted')
      expect(existsSync(join(work, 'strange'))).toBe(false)
      expect(numbers(work)).toBe(before)
      expect(statSync(join(work, 'changed')).mtimeMs).toBeGreaterThan(old.getTime())
      expect(statSync(join(work, 'same')).mtimeMs).toBe(old.getTime())
    }))

  test('patching it leaves the pristine tree as it is', () =>
    inFolder(async folder => {
      const pristine = makeTree(join(folder, 'tree'))
      const work = await restoreWorkTree(pristine, join(folder, 'work'), quiet)
      await apply(work, { path: 'x', text: diff })
      expect(numbers(pristine)).toBe(before)
    }))
})

describe('configuration', () => {
  test('the last setting of an option counts', () => {
    const options = parseConfig('CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=64\n# CONFIG_A is not set\n# words\n')
    expect([...options]).toEqual([
      ['CONFIG_A', 'n'],
      ['CONFIG_B', 'n'],
      ['CONFIG_C', '64'],
    ])
  })

  test('options that Kconfig dropped are reported; an absent option is not set', () => {
    const text = 'CONFIG_KEPT=y\nCONFIG_GONE=y\n# CONFIG_OFF is not set\nCONFIG_SIZE=64\n'
    expect(lostOptions([{ path: 'x', text }], 'CONFIG_KEPT=y\nCONFIG_SIZE=32\n')).toEqual([
      { name: 'CONFIG_GONE', wanted: 'y', got: 'n' },
      { name: 'CONFIG_SIZE', wanted: '64', got: '32' },
    ])
  })
})
