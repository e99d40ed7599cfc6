/** `platform learn` and `platform record` as their user runs them. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { kernelTrace } from '../support/kernel-probe.js'
import { probePlatform } from '../unit/learn/learning.js'
import { inFolder, runCommand } from './command.js'

const BOARD = 'vendor: acme\nclocks: [{ name: cpu, rates: [600 MHz, 1.2 GHz] }, { name: uart, rate: 24 MHz }]\n'

describe('platform learn', () => {
  test('prints a file that platform check takes, and says on stderr what it learned', () =>
    inFolder(async folder => {
      const [trace, file] = [join(folder, 'scmi-trace.txt'), join(folder, 'board.yaml')]
      writeFileSync(trace, kernelTrace(await probePlatform(BOARD)))
      const { code, stdout, stderr } = await runCommand('platform', 'learn', trace)
      expect([code, stderr]).toEqual([0, expect.stringMatching(/^learned from \d+ messages: 2 clocks\n$/)])
      expect(stdout).toContain('  - { name: cpu, rates: [600 MHz, 1.2 GHz] }\n  - { name: uart, rate: 24 MHz }\n')
      writeFileSync(file, stdout)
      expect(await runCommand('platform', 'check', file)).toEqual({
        code: 0,
        stdout: `${file}: ok, 2 clocks\n`,
        stderr: '',
      })
    }))

  test('as JSON', () =>
    inFolder(async folder => {
      const trace = join(folder, 'trace')
      writeFileSync(trace, kernelTrace(await probePlatform(BOARD)))
      const { code, stdout, stderr } = await runCommand('platform', 'learn', '--json', trace)
      expect([code, stderr]).toEqual([0, ''])
      expect(JSON.parse(stdout)).toEqual({
        files: [trace],
        messages: expect.any(Number),
        resources: { clocks: 2 },
        recorded: 0,
        differing: 0,
        remarks: [],
        text: expect.stringContaining('vendor: acme'),
      })
    }))

  test('counts recorded answers, in its own line and in that of platform check', () =>
    inFolder(async folder => {
      const [trace, file] = [join(folder, 'trace'), join(folder, 'board.yaml')]
      const vendor = { protocolId: 0x85, messageId: 3, name: '', status: 0 }
      const answer = { ...vendor, request: new Uint8Array(4), reply: new Uint8Array(8) }
      writeFileSync(trace, kernelTrace([...(await probePlatform(BOARD)), answer]))
      const { stdout, stderr } = await runCommand('platform', 'learn', trace)
      expect(stderr).toMatch(/: 2 clocks, 3 recorded answers\n$/)
      writeFileSync(file, stdout)
      expect((await runCommand('platform', 'check', file)).stdout).toBe(`${file}: ok, 2 clocks, 3 recorded answers\n`)
      expect(JSON.parse((await runCommand('platform', 'check', '--json', file)).stdout)[0]).toMatchObject({
        recorded: 3,
      })
    }))

  test.each([
    [
      'a file that is not there',
      '/nowhere/trace.txt',
      /^vhost-user-scmi: \/nowhere\/trace\.txt: there is no such file\n$/,
    ],
    ['a folder', '/tmp', /^vhost-user-scmi: \/tmp: is a folder; give a file\n$/],
    ['a device', '/dev/zero', /^vhost-user-scmi: \/dev\/zero: is not a file\n$/],
    [
      'any text',
      join(import.meta.dirname, 'learn.test.ts'),
      /: neither a trace of vhost-user-scmi nor a text with .*\n$/,
    ],
  ])('%s is an error of one line, with exit code 2', async (_, path, says) => {
    const { code, stdout, stderr } = await runCommand('platform', 'learn', path)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(says)
    expect(stderr.trim()).not.toContain('\n')
  })
})

describe('platform record', () => {
  test('prints a script that shells take, with instructions', async () => {
    const { code, stdout } = await runCommand('platform', 'record')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^#!\/bin\/sh\n/)
    expect(stdout).toContain('trace_event=scmi:* trace_buf_size=')
    expect(stdout).toContain('vhost-user-scmi platform learn scmi-trace.txt > board.yaml')
    expect(spawnSync('sh', ['-n'], { input: stdout })).toMatchObject({ status: 0 })
    expect(stdout.split('\n').filter(line => line !== '' && !line.startsWith('#')).length).toBeLessThanOrEqual(10)
  })

  test('is described in the README files', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../src/platform/README.md'), 'utf8')
    for (const command of ['platform record', 'platform learn']) expect(readme).toContain(command)
  })
})
