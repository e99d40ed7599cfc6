/** `ctl top` on a terminal: it shows what happens, fits the size, and restores the terminal. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { CLOCK, setUp } from '../control/rig.js'
import { Terminal } from '../support/terminal.js'

const CLI = join(import.meta.dirname, '../../dist/src/cli.js')
const UART = 1
const LIMIT_MS = 120_000
/** Pause between messages: gives a rate that is easy to check. */
const PAUSE_MS = 5

/** Starts `ctl top` from a shell that prints its exit code. */
function start(control: string, size: { rows: number; columns: number }): Terminal {
  // A Ctrl-C that the view does not take as a key also reaches the shell, which must survive to print the exit code.
  const command = `trap : INT; echo before; ${process.execPath} ${CLI} ctl top --control ${control} --interval 200; echo "code $?"`
  const terminal = new Terminal(['sh', '-c', command], size)
  onTestFinished(() => terminal.close())
  return terminal
}

test(
  'shows rates and changes, and follows the size of the terminal',
  async () => {
    const rig = await setUp()
    const terminal = start(rig.control, { rows: 20, columns: 100 })
    await terminal.shows(/acme:rig .* q quits\n0 messages\/s/)
    expect(terminal.onSecondScreen).toBe(true)
    let going = true
    const traffic = (async () => {
      for (; going; await sleep(PAUSE_MS)) await rig.guest.send(CLOCK, 0x6, UART)
    })()
    // Stop it before the guest closes.
    onTestFinished(() => {
      going = false
      return traffic
    })
    await terminal.shows(/clock CLOCK_RATE_GET +\d[\d.]* +\d+ \ws/)
    await rig.client.call('set', { address: 'sensor.cpu', value: '85C' })
    await terminal.shows(/sensor.cpu.value +85 °C +\d s +▁█/)
    terminal.resize(10, 60)
    await terminal.shows(
      /^acme:rig .*\n.*\n\nMESSAGE .*\nclock CLOCK_RATE_GET +\d.*\n\nCHANGED .*AGO\nsensor.cpu.value +85 °C +\d s$/,
    )
    terminal.type('q')
    await terminal.shows(/^before\ncode 0$/)
    expect(terminal.onSecondScreen).toBe(false)
    expect(terminal.output).not.toContain('\x1b[3J')
    // The cursor was hidden, and is shown again in the end.
    expect(terminal.output.lastIndexOf('\x1b[?25h')).toBeGreaterThan(terminal.output.lastIndexOf('\x1b[?25l'))
  },
  LIMIT_MS,
)

test(
  'ends on Ctrl-C, and with a message when the device is gone',
  async () => {
    const rig = await setUp()
    const interrupted = start(rig.control, { rows: 10, columns: 80 })
    const left = start(rig.control, { rows: 10, columns: 80 })
    await interrupted.shows(/messages\/s/)
    interrupted.type('\x03')
    await interrupted.shows(/^before\ncode 0$/)
    await left.shows(/messages\/s/)
    rig.server.close()
    await left.shows(/^before\nvhost-user-scmi: the device at .*\n?.* has stopped\ncode 1$/)
    expect(left.onSecondScreen).toBe(false)
  },
  LIMIT_MS,
)
