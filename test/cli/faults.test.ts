/** `--faults`, and rules of platform files, as their user meets them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inFolder, RunningCommand, runCommand } from './command.js'

const BOARD = `vendor: acme
clocks: [{ name: uart, rate: 24 MHz }]
faults:
  - { message: CLOCK_RATE_GET, where: { clock_id: 0..9 }, delay: 5 ms }
`
const RULES = '- { message: BASE_DISCOVER_VENDOR, drop: true, times: 1 }\n- { protocol: clock, status: BUSY }\n'
const WRONG = '- { message: BASE_DISCOVER_VENDOR, drop: true, tims: 1 }\n'
const TIMS =
  'rules.yaml:1:48: [0].tims: is not a known key; did you mean times? Known keys: on, agent, protocol, message, '

/** Runs `use` beside board.yaml and rules.yaml. */
function beside<T>(rules: string, use: (path: (name: string) => string) => Promise<T>): Promise<T> {
  return inFolder(folder => {
    const path = (name: string): string => join(folder, name)
    writeFileSync(path('board.yaml'), BOARD)
    writeFileSync(path('rules.yaml'), rules)
    return use(path)
  })
}

test('rules are told at start, and listed: those of --faults first', () =>
  beside(RULES, async path => {
    const files = ['--platform', path('board.yaml'), '--faults', path('rules.yaml')]
    const command = new RunningCommand(['--socket-path', path('s'), '--control', path('c'), ...files])
    await command.said(/ready: /)
    const told = `fault rules: 2 of ${path('rules.yaml')}, 1 of ${path('board.yaml')};`
    expect(command.stderr.split('\n').filter(line => line.includes(told))).toHaveLength(1)
    const { stdout } = await runCommand('ctl', '--control', path('c'), 'fault', 'list')
    expect(stdout.split('\n').map(line => line.trim().replaceAll(/ {2,}/g, '  '))).toEqual([
      'ID  HITS  ACTIVE  RULE',
      '1  0  yes  message: BASE_DISCOVER_VENDOR, drop: true, times: 1',
      '2  0  yes  protocol: clock, status: BUSY',
      '3  0  yes  message: CLOCK_RATE_GET, where: {"clock_id":"0..9"}, delay: 5 ms',
      '',
    ])
    const cleared = await runCommand('ctl', '--control', path('c'), 'fault', 'clear')
    expect(cleared.stdout).toBe('no fault rules\n')
    expect(await command.stop()).toBe(0)
  }))

describe('a wrong rule is one line and exit code 2', () => {
  test('of --faults', () =>
    beside(WRONG, async path => {
      const { code, stderr } = await runCommand('--socket-path', path('s'), '--faults', path('rules.yaml'))
      expect([code, stderr.trimEnd().split('\n').length]).toEqual([2, 1])
      expect(stderr.replace(`${path('')}/`, '')).toContain(`vhost-user-scmi: ${TIMS}`)
    }))

  test('in platform check, with both files', () =>
    beside(WRONG, async path => {
      const checked = ['platform', 'check', path('board.yaml')]
      const right = await runCommand(...checked)
      expect([right.code, right.stdout]).toEqual([0, `${path('board.yaml')}: ok, 1 clock, 1 fault rule\n`])
      const wrong = await runCommand(...checked, '--faults', path('rules.yaml'))
      expect([wrong.code, wrong.stdout.replace(`${path('')}/`, '')]).toEqual([2, expect.stringContaining(TIMS)])
      writeFileSync(path('board.yaml'), BOARD.replace('0..9', '9..0'))
      const range = await runCommand(...checked, '--json')
      expect([range.code, JSON.parse(range.stdout)]).toEqual([
        2,
        [
          {
            file: path('board.yaml'),
            ok: false,
            place: `${path('board.yaml')}:4:51`,
            field: 'faults[0].where.clock_id',
            problem: '9..0 is not a range, which begins with its smallest value; write e.g. 10, or 10..20',
          },
        ],
      ])
    }))
})

test('platform check: rules may name agents that the command line adds', () =>
  beside('[{ agent: second, message: CLOCK_RATE_GET, drop: true }]', async path => {
    const words = ['platform', 'check', path('board.yaml'), '--faults', path('rules.yaml')]
    const alone = await runCommand(...words)
    expect([alone.code, alone.stdout]).toEqual([2, expect.stringContaining('[0].agent: second is not one of guest')])
    const added = await runCommand(...words, '--agent', 'first', '--agent', 'second')
    expect([added.code, added.stdout]).toEqual([0, expect.stringContaining(': ok, 1 clock, 2 fault rules')])
  }))
