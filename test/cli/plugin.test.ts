/** Plug-ins in the built command: Node's own module loader, not the one of the tests. */
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inFolder, RunningCommand, runCommand } from './command.js'

const LED = join(import.meta.dirname, '../plugin/led.mjs')
const BOARD = 'vendor: acme\nplugins: [./mine.mjs]\nleds: [{ name: disk }]\n'

test.each([
  ['in the package', () => LED],
  ['far from it, where the package has no name', (folder: string) => join(folder, 'mine.mjs')],
])('--plugin loads one %s', (_where, pluginIn) =>
  inFolder(async folder => {
    copyFileSync(LED, join(folder, 'mine.mjs'))
    const file = join(folder, 'board.yaml')
    writeFileSync(file, 'vendor: acme\nleds: [{ name: disk }]\n')
    const args = ['--socket-path', join(folder, 's'), '--platform', file, '--plugin', pluginIn(folder)]
    const command = new RunningCommand(args)
    await command.said(/ready/)
    const words = ['led', 'LED_SET', 'led_id=0', 'on=0', '--plugin', pluginIn(folder)]
    const { stdout } = await runCommand('send', join(folder, 's'), ...words)
    expect(stdout).toMatch(/^led LED_SET #1 \{led_id: 0, on: 0\} → SUCCESS/)
    expect(await command.stop()).toBe(0)
  }),
)

test('a platform file names plug-ins relative to itself', () =>
  inFolder(async folder => {
    copyFileSync(LED, join(folder, 'mine.mjs'))
    writeFileSync(join(folder, 'board.yaml'), BOARD)
    const { code, stdout } = await runCommand('platform', 'check', join(folder, 'board.yaml'))
    expect([code, stdout]).toEqual([0, `${join(folder, 'board.yaml')}: ok, 1 led\n`])
  }))

test("an error of a plug-in's section has its place in the platform file", () =>
  inFolder(async folder => {
    writeFileSync(
      join(folder, 'mine.mjs'),
      `import led from ${JSON.stringify(LED)}
       import { ConfigError } from 'vhost-user-scmi'
       led.resource.create = () => { throw new ConfigError([0, 'name'], 'is not to my liking') }
       export default led`,
    )
    writeFileSync(join(folder, 'board.yaml'), BOARD)
    const { code, stdout } = await runCommand('platform', 'check', join(folder, 'board.yaml'))
    expect([code, stdout]).toEqual([2, `${join(folder, 'board.yaml')}:3:16: leds[0].name: is not to my liking\n`])
  }))

test.each([
  ['syntax = = error', /^vhost-user-scmi: .*mine\.mjs(:\d+)?: can't be loaded: SyntaxError: .*\n$/],
  ["throw new Error('no')", /^vhost-user-scmi: .*mine\.mjs:1: can't be loaded: Error: no\n$/],
  ['export default 1', /^vhost-user-scmi: .*mine\.mjs: the default export is not a protocol; .*\n$/],
])('%s is told in a line, with exit code 2', (text, says) =>
  inFolder(async folder => {
    const file = join(folder, 'mine.mjs')
    writeFileSync(file, text)
    const { code, stdout, stderr } = await runCommand('--socket-path', join(folder, 's'), '--plugin', file)
    expect(stderr).toMatch(says)
    expect([code, stdout]).toEqual([2, ''])
  }),
)
