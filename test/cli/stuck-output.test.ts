/** A command that prints endlessly to an output that nobody reads: its memory stays bounded, and it reports dropped lines. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../../src/front-end/wait.js'
import { setUp } from '../control/rig.js'

const CLI = join(import.meta.dirname, '../../dist/src/cli.js')
const CLOCK = 0x14
const RATE_GET = 0x6
/** Bytes that a pipe and a stream of Node hold, with room. */
const HELD_MAX = 1 << 20

test('ctl messages drops lines that nobody reads, and reports their number', async () => {
  const { server, control, guest } = await setUp()
  const words = ['ctl', '--control', control, 'messages', '--max-per-second', '10000']
  const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', data => (said += data))
  await until(() => server.tap.active, 'the command to listen')
  const MESSAGES = 20_000
  for (let i = 0; i < MESSAGES; i++) await guest.send(CLOCK, RATE_GET, 0)
  let printed = ''
  child.stdout.on('data', (data: Buffer) => (printed += data))
  const missing = (text: string) => [...said.matchAll(new RegExp(`(\\d+) messages were not printed${text}`, 'g'))]
  await until(() => missing(': the output was not read').length > 0, 'the command to say what is missing')
  // Each message was printed or counted as dropped.
  const sum = () => missing('').reduce((sum, [, count]) => sum + Number(count), printed.split('\n').length - 1)
  await until(
    () => sum() === MESSAGES,
    () => `all messages: ${sum()}`,
  )
  expect(printed.length).toBeLessThan(HELD_MAX)
}, 60_000)
