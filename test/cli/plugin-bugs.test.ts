/** Bugs in plug-ins: the guest gets a reply, the log names the plug-in once, the device goes on, and SIGTERM ends it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { Guest } from '../driver/guest.js'
import { inFolder, RunningCommand, runCommand } from './command.js'

const ID = 0x90
const GENERIC_ERROR = -8
const LIMIT_MS = 120_000

/** Bodies of handlers, and what the log says of each. */
const WRONG: [body: string, problem: string][] = [
  ['return (async () => 0)()', 'returned a promise, which is not a status'],
  ["return Promise.reject(new Error('late'))", 'returned a promise, which is not a status'],
  ['return NaN', 'returned NaN, which is not a status'],
  ['return', 'returned undefined, which is not a status'],
  ['return null', 'returned null, which is not a status'],
  ["return '0'", 'returned text, which is not a status'],
  ['return true', 'returned a value of type boolean, which is not a status'],
  ['return 0n', 'returned a value of type bigint, which is not a status'],
  ['return 0.5', 'returned 0.5, which is not a status'],
  ['return 1', 'returned 1, which is not a status'],
  ['return -13', 'returned -13, which is not a status'],
  ['return -0x80000001', 'returned -2147483649, which is not a status'],
  ["throw new TypeError('oh')", 'threw TypeError: oh'],
  ['throw undefined', 'threw undefined'],
]
const FINE = [0, -1, -12, -128, -0x80000000]

const plugin = (commands: string[], attach = '() => ({})') => `
import { command, defineProtocol } from 'vhost-user-scmi'
const commands = [command(1, 'PROTOCOL_ATTRIBUTES', [], [], () => 0), ${commands.join(',\n')}]
export default defineProtocol({ id: ${ID}, name: 'mine', versions: [0x10000], attach: ${attach}, commands })
`

/** Starts a device with a plug-in of this text. */
async function start(folder: string, text: string): Promise<RunningCommand> {
  const file = join(folder, 'mine.mjs')
  writeFileSync(file, text)
  const command = new RunningCommand(['--socket-path', join(folder, 's'), '--platform', 'minimal', '--plugin', file])
  onTestFinished(() => {
    command.child.kill('SIGKILL')
  })
  await command.said(/ready/)
  return command
}

async function connect(folder: string): Promise<Guest> {
  const guest = new Guest()
  onTestFinished(() => guest.close())
  await guest.connect(FrontEnd.connect(join(folder, 's')))
  return guest
}

test(
  'a handler that returns no status, or throws, gives GENERIC_ERROR, is named once, and harms nobody else',
  () =>
    inFolder(async folder => {
      const commands = [
        ...WRONG.map(([body], i) => `command(${0x20 + i}, 'WRONG_${i}', [], [], () => { ${body} })`),
        ...FINE.map((status, i) => `command(${0x40 + i}, 'FINE_${i}', [], [], () => ${status})`),
        "command(0x50, 'DROPS', [], [], () => { Promise.reject(new Error('dropped one')); return 0 })",
        "command(0x51, 'TIMER', [], [], () => { setTimeout(() => { throw new Error('late one') }, 1); return 0 })",
      ]
      const command = await start(folder, plugin(commands))
      const guest = await connect(folder)
      for (let round = 0; round < 2; round++) {
        for (const i of WRONG.keys()) expect([i, await guest.send(ID, 0x20 + i)]).toEqual([i, [GENERIC_ERROR]])
        for (const [i, status] of FINE.entries()) expect(await guest.send(ID, 0x40 + i)).toEqual([status])
        expect([await guest.send(ID, 0x50), await guest.send(ID, 0x51)]).toEqual([[0], [0]])
      }
      await command.said(/a plug-in did not catch Error: dropped one/)
      await command.said(/a plug-in did not catch Error: late one/)
      expect((await guest.send(0x10, 0))[0]).toBe(0)
      expect(await command.stop()).toBe(0)
      for (const [i, [, problem]] of WRONG.entries()) {
        expect(command.stderr.split(`mine.mjs: protocol mine: WRONG_${i} ${problem} (a bug`)).toHaveLength(2)
      }
      expect(command.stderr.split('dropped one')).toHaveLength(2)
      expect(command.stderr).not.toMatch(/^\s+at /m)
    }),
  LIMIT_MS,
)

test(
  'what throws when a driver comes or goes is named once; the protocol answers again when it can',
  () =>
    inFolder(async folder => {
      const attach = `(() => {
        let times = 0
        return () => {
          if (++times === 2) throw new Error('no second time')
          return { release() { throw new Error('keeps it') } }
        }
      })()`
      const command = await start(
        folder,
        plugin(["command(0x20, 'GET', [], [], state => { if (!state.release) throw 0; return 0 })"], attach),
      )
      const guest = await connect(folder)
      // The driver's start has attached a second time.
      expect(await guest.send(ID, 0x20)).toEqual([GENERIC_ERROR])
      expect((await guest.send(0x10, 0))[0]).toBe(0)
      guest.close()
      const next = await connect(folder)
      expect(await next.send(ID, 0x20)).toEqual([0])
      expect(await command.stop()).toBe(0)
      expect(command.stderr.match(/protocol mine: attach threw Error: no second time/g)).toHaveLength(1)
      expect(command.stderr.match(/protocol mine: release threw Error: keeps it/g)).toHaveLength(1)
      expect(command.stderr).not.toMatch(/^\s+at /m)
    }),
  LIMIT_MS,
)

test(
  'attach that throws at start is the line of an error',
  () =>
    inFolder(async folder => {
      const file = join(folder, 'mine.mjs')
      writeFileSync(file, plugin([], "() => { throw new Error('never') }"))
      const { code, stderr } = await runCommand('--socket-path', join(folder, 's'), '--plugin', file)
      expect([code, stderr]).toEqual([
        2,
        `vhost-user-scmi: plug-in ${file}: protocol mine: attach threw Error: never (a bug of the plug-in)\n`,
      ])
    }),
  LIMIT_MS,
)

test(
  'a handler that loops is named, and SIGTERM ends the process, even one from before that',
  () =>
    inFolder(async folder => {
      const loops = "command(0x20, 'LOOPS', [], [], () => { writeSync(2, 'in the loop\\n'); for (;;); })"
      const command = await start(folder, `import { writeSync } from 'node:fs'\n${plugin([loops])}`)
      const guest = await connect(folder)
      void guest.send(ID, 0x20).catch(() => {})
      // Before the watchdog has reported the loop.
      await command.said(/in the loop/)
      command.child.kill('SIGTERM')
      expect(await command.ended).toBe('SIGTERM')
      expect(command.stderr).toMatch(/mine\.mjs: protocol mine: LOOPS has not ended for 5 s/)
    }),
  LIMIT_MS,
)

test.each([
  ['loops', 'for (;;);'],
  ['waits for what never comes', 'await new Promise(() => setInterval(() => {}, 1000))'],
])(
  'an import that %s is named',
  (what, text) =>
    inFolder(async folder => {
      const file = join(folder, 'mine.mjs')
      writeFileSync(file, text)
      const command = new RunningCommand(['--socket-path', join(folder, 's'), '--plugin', file])
      onTestFinished(() => {
        command.child.kill('SIGKILL')
      })
      if (what === 'loops') {
        await command.said(/mine\.mjs: its import has not ended for 5 s/)
        expect(await command.stop()).toBe('SIGTERM')
      } else {
        expect(await command.ended).toBe(2)
        expect(command.stderr).toBe(
          `vhost-user-scmi: ${file}: is not loaded after 10 s: its top-level await does not complete\n`,
        )
      }
    }),
  LIMIT_MS,
)
