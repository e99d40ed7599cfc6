/** The initramfs writer, read back by the real cpio(1). */
import { execFileSync } from 'node:child_process'
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type CpioEntry, writeCpio } from '../../qemu/guest/cpio.js'
import { inFolder } from './lab-command.js'

const entries: CpioEntry[] = [
  { kind: 'folder', path: 'empty' },
  { kind: 'file', path: 'init', mode: 0o755, content: Buffer.from('#!/bin/sh\n') },
  { kind: 'file', path: 'deep/er/odd', content: Buffer.alloc(4099, 'x') },
  { kind: 'file', path: 'nothing', content: Buffer.alloc(0) },
  { kind: 'link', path: 'deep/link', target: '../init' },
]

test('cpio unpacks what was packed: contents, modes, links, and folders that are only implied', () =>
  inFolder(folder => {
    execFileSync('cpio', ['--extract', '--quiet', '--no-absolute-filenames'], {
      cwd: folder,
      input: writeCpio(entries),
    })
    expect(readFileSync(join(folder, 'init'), 'utf8')).toBe('#!/bin/sh\n')
    expect(lstatSync(join(folder, 'init')).mode & 0o777).toBe(0o755)
    expect(readFileSync(join(folder, 'deep/er/odd'), 'latin1')).toBe('x'.repeat(4099))
    expect(lstatSync(join(folder, 'nothing')).size).toBe(0)
    expect(readlinkSync(join(folder, 'deep/link'))).toBe('../init')
    expect(lstatSync(join(folder, 'empty')).isDirectory()).toBe(true)
  }))

test('a device node is listed with its numbers; writing it does not need root', () => {
  const input = writeCpio([{ kind: 'device', path: 'dev/console', major: 5, minor: 1 }])
  const listing = execFileSync('cpio', ['--list', '--verbose', '--numeric-uid-gid', '--quiet'], {
    input,
    encoding: 'utf8',
  })
  expect(listing).toMatch(/^drwxr-xr-x .* dev$/m)
  expect(listing).toMatch(/^crw------- +1 0 +0 +5, +1 .* dev\/console$/m)
})

test('equal files make an equal archive of whole blocks', () => {
  expect(writeCpio(entries).equals(writeCpio(entries))).toBe(true)
  expect(writeCpio(entries).length % 512).toBe(0)
})
