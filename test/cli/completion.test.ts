/** The Tab key in real shells, on a running device. */
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { setUp } from '../control/rig.js'
import { Terminal } from '../support/terminal.js'
import { runCommand } from './command.js'

vi.setConfig({ testTimeout: 240_000 })

const CLI = join(import.meta.dirname, '../../dist/src/cli.js')

/** The candidates for the last word, as shells get them. */
async function candidates(control: string, ...words: string[]): Promise<string[]> {
  const { stdout, stderr, code } = await runCommand('ctl', 'complete', '--', 'ctl', '--control', control, ...words)
  expect([code, stderr]).toEqual([0, ''])
  return stdout.split('\n').flatMap(line => (line ? [line.split('\t', 1)[0]!] : []))
}

it('candidates are commands, options, and the names of the device', async () => {
  const { control, client } = await setUp()
  await client.call('addFault', { rule: { drop: true } })
  const all = await Promise.all(
    [
      ['s'],
      ['fault', ''],
      ['fault', 'add', '--pro'],
      ['fault', 'add', '--protocol', 'c'],
      ['fault', 'add', '--protocol', 'clock', '--message', 'CLOCK_RATE_S'],
      ['fault', 'add', '--on', 'notification', '--message', 'CLOCK_'],
      ['fault', 'remove', ''],
      ['get', ''],
      ['get', 'clock.'],
      ['get', 'clock.uart.'],
      ['get', 'clock.uart.rate', 'sys'],
      ['set', 'clock.uart', ''],
      ['set', 'clock.cpu.enabled', ''],
      ['notify', 'clock', 'CLOCK_RATE_CHANGED', 'agent_id=0', ''],
      ['power', 'sh'],
      ['messages', '--status', 'NOT_F'],
      ['show', '--agent', ''],
      ['completion', ''],
      ['messages', '--failed', '--js'],
    ].map(words => candidates(control, ...words)),
  )
  expect(all).toEqual([
    ['show', 'set', 'stats'],
    ['add', 'list', 'release', 'remove', 'clear', 'help'],
    ['--protocol', '--probability'],
    ['clock'],
    ['CLOCK_RATE_SET'],
    ['CLOCK_RATE_CHANGED', 'CLOCK_RATE_CHANGE_REQUESTED'],
    ['1'],
    ['power.', 'system', 'perf.', 'clock.', 'sensor.'],
    ['clock.cpu', 'clock.uart'],
    ['clock.uart.rate', 'clock.uart.enabled'],
    ['system'],
    ['24MHz', '48MHz'],
    ['on', 'off'],
    ['clock_id=', 'rate='],
    ['shutdown'],
    ['NOT_FOUND'],
    ['linux', 'rtos'],
    ['bash', 'zsh'],
    ['--json'],
  ])
})

it('without a device, commands are completed and names are not', async () => {
  expect(await candidates('/no/such/socket', 'wa')).toEqual(['watch'])
  expect(await candidates('/no/such/socket', 'get', 'clock.')).toEqual([])
})

describe.each([
  ['bash', ['bash', '--norc', '--noprofile', '-i']],
  ['zsh', ['zsh', '-f', '-i']],
])('%s', (shell, command) => {
  it('completes with the Tab key', async () => {
    const { control, folder, guest } = await setUp()
    symlinkSync(CLI, join(folder, 'vhost-user-scmi'))
    const start = join(folder, 'start')
    writeFileSync(start, 'PS1="ready> "; source <(vhost-user-scmi ctl completion $1)\n')
    const env = {
      PATH: `${folder}:${process.env.PATH}`,
      VHOST_USER_SCMI_CONTROL: control,
      HOME: folder,
      // bash would write its history there when its terminal goes, while the folder is being removed.
      HISTFILE: '/dev/null',
      // zsh would ask questions of a user who has no configuration.
      ZDOTDIR: folder,
    }
    const terminal = new Terminal(command, { columns: 120, env })
    onTestFinished(() => terminal.close())
    await terminal.shows(/[$%#] ?$/)
    terminal.type(`. ${start} ${shell}\r`)
    await terminal.shows(/\nready>$/)
    terminal.type('clear; vhost-user-scmi ct\t')
    await terminal.shows(/vhost-user-scmi ctl ?$/)
    terminal.type('se\t')
    await terminal.shows(/vhost-user-scmi ctl set ?$/)
    terminal.type('clo\t')
    await terminal.shows(/vhost-user-scmi ctl set clock\.$/)
    terminal.type('ua\t')
    await terminal.shows(/vhost-user-scmi ctl set clock\.uart ?$/)
    terminal.type('4\t')
    await terminal.shows(/vhost-user-scmi ctl set clock\.uart 48MHz ?$/)
    terminal.type('\r')
    await terminal.shows(/clock\.uart\.rate is 48 MHz/)
    expect(await guest.send(0x14, 0x6, 1)).toEqual([0, 48e6, 0])
    terminal.type('vhost-user-scmi ctl get clock.\t\t')
    await terminal.shows(/clock\.cpu[\s\S]*clock\.uart|clock\.uart +clock\.cpu/)
  })
})
