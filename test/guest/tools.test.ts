/** Error messages for missing and outdated tools, and for wrong arguments. */
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeInitramfs } from '../../qemu/guest/image.js'
import { fault, findProgram } from '../../qemu/support/tools.js'
import { startProgress } from '../../src/support/progress.js'
import { inFolder, LabCommand, runLab } from './lab-command.js'

const script = (path: string, text: string): void => {
  writeFileSync(path, `#!/bin/sh\n${text}\n`)
  chmodSync(path, 0o755)
}

describe('missing tools', () => {
  test('with nothing in PATH, boot names QEMU, dtc, their packages and the remedy', async () => {
    const { code, stdout, stderr } = await runLab(['boot'], { PATH: '/nonexistent' })
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('qemu-system-aarch64 is missing: package qemu-system-arm')
    expect(stderr).toContain('dtc is missing: package device-tree-compiler')
    expect(stderr).toContain('"scmi-lab setup" installs them.')
    expect(stderr).not.toContain('    at ')
  })

  test('a QEMU that is too old is named with its version', () =>
    inFolder(async folder => {
      script(join(folder, 'qemu-system-aarch64'), 'echo "QEMU emulator version 7.2.18 (Debian 1:7.2+dfsg-7)"')
      symlinkSync(findProgram('dtc')!, join(folder, 'dtc'))
      const { code, stderr } = await runLab(['boot'], { PATH: folder })
      expect(code).toBe(2)
      expect(stderr).toContain(
        'qemu-system-aarch64 7.2.18 is too old (8.2 or newer is needed): package qemu-system-arm',
      )
      expect(stderr).toContain('"scmi-lab setup" installs it.')
    }))

  test('a QEMU that was too old is checked again, because a newer one may have been installed', () =>
    inFolder(async folder => {
      const path = process.env.PATH
      try {
        process.env.PATH = folder
        script(join(folder, 'qemu-system-aarch64'), 'echo "QEMU emulator version 7.2.18"')
        expect(fault('qemu')).toContain('is too old')
        script(join(folder, 'qemu-system-aarch64'), 'echo "QEMU emulator version 10.0.2"')
        expect(fault('qemu')).toBeUndefined()
      } finally {
        process.env.PATH = path
      }
    }))

  test('without the cross compiler a kernel build names its package', async () => {
    const { code, stderr } = await runLab(['kernel', 'build'], { PATH: '/nonexistent' })
    expect(code).toBe(2)
    expect(stderr).toContain('aarch64-linux-gnu-gcc is missing: package gcc-aarch64-linux-gnu')
  })

  test('setup finds everything in place, and says so', async () => {
    const { code, stdout, stderr } = await runLab(['setup', '--json'])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{"installed":[]}\n', stderr: '' })
  })
})

test.each([
  ['/no/file', 'no such file'],
  ['/etc/passwd', 'is no program for arm64'],
])('--busybox %s is refused', async (path, why) => {
  process.env.SCMI_LAB_BUSYBOX = path
  const progress = startProgress('test')
  try {
    await expect(makeInitramfs([], { progress })).rejects.toThrow(`--busybox ${path}: ${why}`)
  } finally {
    progress.stop()
    delete process.env.SCMI_LAB_BUSYBOX
  }
})

describe('wrong arguments are one line and exit code 2', () => {
  test.each([
    [['kernel', 'build', '--sauce', '7.3'], "unknown option '--sauce' (Did you mean --source?)"],
    [['boot', '--cpus', 'many'], "argument 'many' is invalid"],
    [['boot', '--memory', '12'], "argument '12' is invalid. Write a size such as 256M or 1G."],
    [['boot', '--kernel', '/no/Image'], '--kernel /no/Image: no such file; versions are 7.3, 7.2, 6.12'],
    [['boot', '--platform', '/no/file'], '/no/file'],
    [['boot', '--json'], '--json goes with --print-command'],
    [['kernel', 'build', '--patch', '/no/file'], '--patch /no/file: '],
    [['kernel', 'build', '--config', '/no/file'], '--config /no/file: there is no such file'],
    [['boats'], "unknown command 'boats' (Did you mean boot?)"],
  ])('%j', async (args, words) => {
    const { code, stdout, stderr } = await runLab(args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(words)
    expect(stderr.trimEnd().split('\n').length).toBe(1)
  })
})

test.each([[['bisect', '--help']], [['list']]])('%j whose output nobody reads is no error', async args => {
  const command = new LabCommand(args)
  command.child.stdout!.destroy()
  expect(await command.ended).toBe(0)
  expect(command.stderr).toBe('')
})

test.each([[[]], [['kernel', 'build']], [['boot']]])('%j --help shows examples', async args => {
  const { code, stdout } = await runLab([...args, '--help'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/(Examples|First steps):\n {2}scmi-lab/)
})
