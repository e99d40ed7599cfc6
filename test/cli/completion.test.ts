/** The Tab key in real shells, on a running device. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, test, vi } from 'vitest'
import { packageRoot } from '../../qemu/support/paths.js'
import { setUp } from '../control/rig.js'
import { runLab } from '../guest/lab-command.js'
import { Terminal } from '../support/terminal.js'
import { type Finished, runCommand } from './command.js'

vi.setConfig({ testTimeout: 240_000 })

const ASKS = ['completion', 'candidates', '--']

/** The candidates that a command printed. */
function listed({ stdout, stderr, code }: Finished): string[] {
  expect([code, stderr]).toEqual([0, ''])
  return stdout.split('\n').flatMap(line => (line ? [line.split('\t', 1)[0]!] : []))
}

const ofDevice = async (...words: string[]): Promise<string[]> => listed(await runCommand(...ASKS, ...words))
const ofLab = async (...words: string[]): Promise<string[]> => listed(await runLab([...ASKS, ...words]))

/** The candidates for the last word of a `ctl` command, as shells get them. */
const candidates = (control: string, ...words: string[]): Promise<string[]> =>
  ofDevice('ctl', '--control', control, ...words)

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
    ['--json'],
  ])
})

it('without a device, commands are completed and names are not', async () => {
  expect(await candidates('/no/such/socket', 'wa')).toEqual(['watch'])
  expect(await candidates('/no/such/socket', 'get', 'clock.')).toEqual([])
})

test('the device’s own options and arguments are completed', async () => {
  expect(await ofDevice('')).toEqual(['platform', 'trace', 'bench', 'ctl', 'send', 'completion'])
  expect(await ofDevice('--pl')).toEqual(['--platform', '--plugin'])
  expect(await ofDevice('--platform', 'mi')).toEqual(['minimal'])
  expect(await ofDevice('platform', 'show', 'ju')).toEqual(['juno'])
  // Options of the program end where the subcommand begins.
  expect(await ofDevice('platform', 'show', '--so')).toEqual([])
  expect(await ofDevice('completion', '')).toEqual(['bash', 'zsh'])
})

test('of the lab, kernels, variants and scenarios are completed, too', async () => {
  expect(await ofLab('ker')).toEqual(['kernel'])
  expect(await ofLab('kernel', 'build', '--source', '')).toEqual(['7.3', '7.2', '6.12'])
  expect(await ofLab('run', '--variant', 'd')).toEqual(['debug', 'driver-remove'])
  expect(await ofLab('run', 'probe/at')).toEqual(['probe/at-boot'])
  expect(await ofLab('run', 'probe/at-boot', 'ci')).toEqual(['ci'])
  expect(await ofLab('run', 'probe/at-boot', 'probe/at')).toEqual([])
  expect(await ofLab('list', '--scenarios', '/no/such/folder', '')).toEqual([])
  expect(await ofLab('run', '--accel', '')).toEqual(['kvm', 'tcg'])
  // The program's options may stand after the subcommand.
  expect(await ofLab('run', '--busy')).toEqual(['--busybox'])
  expect(await ofLab('completion', '')).toEqual(['bash', 'zsh'])
})

/** A shell without configuration, in which both commands are in PATH. */
function startShell(command: string[], folder: string, more: Record<string, string> = {}): Terminal {
  symlinkSync(join(packageRoot, 'dist/src/cli.js'), join(folder, 'vhost-user-scmi'))
  symlinkSync(join(packageRoot, 'dist/qemu/cli.js'), join(folder, 'scmi-lab'))
  const env = {
    PATH: `${folder}:${process.env.PATH}`,
    HOME: folder,
    // bash would write its history there when its terminal goes, while the folder is being removed.
    HISTFILE: '/dev/null',
    // zsh would ask questions of a user who has no configuration.
    ZDOTDIR: folder,
    ...more,
  }
  const terminal = new Terminal(command, { columns: 120, env })
  onTestFinished(() => terminal.close())
  return terminal
}

const BASH = ['bash', '--norc', '--noprofile', '-i']
const ZSH = ['zsh', '-f', '-i']

describe.each([
  ['bash', BASH],
  ['zsh', ZSH],
])('%s', (shell, command) => {
  it('completes with the Tab key', async () => {
    const { control, folder, guest } = await setUp()
    const start = join(folder, 'start')
    writeFileSync(start, 'PS1="ready> "; source <(vhost-user-scmi completion $1)\n')
    const terminal = startShell(command, folder, { VHOST_USER_SCMI_CONTROL: control })
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

// bash-completion sources the file at the first Tab; zsh finds it in $fpath, by its name.
describe.each([
  ['bash', BASH, 'scmi-lab', 'source'],
  ['zsh', ZSH, '_scmi-lab', 'autoload -Uz compinit; fpath=($PWD $fpath); compinit -u -D; :'],
])('installed for %s', (shell, command, file, load) => {
  it('completes with the first Tab', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'scmi-completion-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const site = join(folder, 'site')
    mkdirSync(site)
    const { stdout } = await runLab(['completion', shell])
    writeFileSync(join(site, file), stdout)
    const start = join(folder, 'start')
    writeFileSync(start, `PS1="ready> "; cd ${site}; ${load} ${join(site, file)}\n`)
    const terminal = startShell(command, folder)
    await terminal.shows(/[$%#] ?$/)
    terminal.type(`. ${start}\r`)
    await terminal.shows(/\nready>$/)
    terminal.type('clear; scmi-lab kern\t')
    await terminal.shows(/scmi-lab kernel ?$/)
    terminal.type('bu\t--var\t')
    await terminal.shows(/scmi-lab kernel build --variant ?$/)
    terminal.type('mod\t')
    await terminal.shows(/scmi-lab kernel build --variant modules ?$/)
  })
})
