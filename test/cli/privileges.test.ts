/** Privileges: who may connect, sockets that a supervisor opens, system calls in systemd's sandbox. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { inheritedSockets } from '../../src/cli/activation.js'
import { createDevice } from '../../src/device/native.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { Guest } from '../driver/guest.js'
import { RunningCommand, runCommand } from './command.js'

const CLI = join(import.meta.dirname, '../../dist/src/cli.js')
const UNITS = join(import.meta.dirname, '../../src/systemd')
const SERVICE = join(UNITS, 'vhost-user-scmi@.service')
const BASE = 0x10
const LIMIT_MS = 60_000

/** A folder that is removed when the test ends. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'vhost-user-scmi-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

function start(args: string[]): RunningCommand {
  const command = new RunningCommand(args)
  onTestFinished(() => void command.child.kill('SIGKILL'))
  return command
}

const modeOf = (path: string): number => statSync(path).mode & 0o777

async function connect(path: string): Promise<Guest> {
  const guest = new Guest()
  onTestFinished(() => guest.close())
  await guest.connect(FrontEnd.connect(path))
  return guest
}

describe('--socket-mode', () => {
  test.each([
    { words: [], mode: 0o600 },
    { words: ['--socket-mode', '0660'], mode: 0o660 },
    { words: ['--socket-mode', '666'], mode: 0o666 },
  ])('$words: the socket has exactly this mode', async ({ words, mode }) => {
    const path = join(folder(), 'scmi.sock')
    const command = start(['--socket-path', path, ...words])
    await command.said(/ready/)
    expect(modeOf(path)).toBe(mode)
    expect(await command.stop()).toBe(0)
  })

  test('is for the sockets of all agents', async () => {
    const [a, b] = [join(folder(), 'a'), join(folder(), 'b')]
    const command = start(['--agent', `a=${a}`, '--agent', `b=${b}`, '--socket-mode', '0620'])
    await command.said(/ready/)
    expect([a, b].map(modeOf)).toEqual([0o620, 0o620])
  })

  test.each([0o000, 0o022, 0o777])(
    'the umask %i makes no difference, and the socket is never more open than its mode',
    umask => {
      const path = join(folder(), 'scmi.sock')
      const before = process.umask(umask)
      const device = createDevice({ onBatch: () => {}, onEvent: () => {} })
      try {
        device.listen(path, 0o640)
      } finally {
        process.umask(before)
        device.close()
      }
      expect(modeOf(path)).toBe(0o640)
    },
  )

  test('the permissions are set before the socket file exists', () => {
    const path = join(folder(), 'scmi.sock')
    const words = ['-f', '-qq', '-e', 'trace=fchmod,bind,chmod', process.execPath, CLI, '--socket-path', path]
    const child = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    // Kill the process group: strace alone would leave the traced process behind.
    onTestFinished(() => void process.kill(-child.pid!, 'SIGKILL'))
    let trace = ''
    child.stderr.setEncoding('utf8').on('data', text => (trace += text))
    return until(
      () => trace.includes('ready: '),
      () => trace,
      LIMIT_MS,
    ).then(() => {
      const calls = trace.split('\n').filter(line => /\b(fchmod|bind|chmod)\(/.test(line))
      const bound = calls.findIndex(line => line.includes(`bind(`) && line.includes(path))
      expect(calls[bound - 1]).toMatch(/fchmod\(\d+, 0600\)/)
    })
  })
})

describe('socket activation', () => {
  /** systemd's own program, which opens the sockets and becomes the command when somebody connects. */
  function activate(sockets: string[], names: string[], args: string[]): { said: () => string } {
    const listen = sockets.flatMap(path => ['-l', path])
    const fdnames = names.length > 0 ? [`--fdname=${names.join(':')}`] : []
    const words = [...listen, ...fdnames, process.execPath, CLI, ...args]
    const child = spawn('systemd-socket-activate', words, { stdio: ['ignore', 'ignore', 'pipe'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    child.stderr.setEncoding('utf8').on('data', text => (said += text))
    return { said: () => said }
  }

  test('one socket is that of the only agent', async () => {
    const path = join(folder(), 'scmi.sock')
    const { said } = activate([path], [], ['--platform', 'minimal'])
    await until(() => said().includes('Listening on'), said, LIMIT_MS)
    const guest = await connect(path)
    expect(await guest.send(BASE, 0)).toEqual([0, 0x20001])
    expect(said()).toContain('accepting connections on fd 3')
  })

  test('several belong to the agents that they are named after', async () => {
    const [a, b] = [join(folder(), 'a'), join(folder(), 'b')]
    const { said } = activate([a, b], ['one', 'two'], ['--platform', 'minimal'])
    await until(() => said().includes(`Listening on ${b}`), said, LIMIT_MS)
    const guests = [await connect(a), await connect(b)]
    const names = await Promise.all(guests.map(guest => guest.send(BASE, 0x7, 0xffff_ffff)))
    const text = ([, , ...words]: number[]) =>
      Buffer.from(Int32Array.from(words).buffer).toString('latin1').replace(/\0.*/s, '')
    expect(names.map(text)).toEqual(['one', 'two'])
  })

  test.each([
    [
      { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' },
      [
        { name: 'a', fd: 3 },
        { name: 'b', fd: 4 },
      ],
    ],
    [{ LISTEN_PID: '7', LISTEN_FDS: '1' }, [{ name: '', fd: 3 }]],
    [{ LISTEN_PID: '8', LISTEN_FDS: '1' }, []],
    [{}, []],
  ])('%j', (env, sockets) => {
    expect(inheritedSockets(env, 7)).toEqual(sockets)
  })

  test.each([
    [{ LISTEN_PID: '7', LISTEN_FDS: 'x' }, /LISTEN_FDS=x: is not a number of sockets/],
    [{ LISTEN_PID: '7', LISTEN_FDS: '2' }, /with several sockets, each needs the name of its agent/],
    [
      { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:a' },
      /with several sockets, each needs the name of its agent/,
    ],
  ])('%j is refused', (env, problem) => {
    expect(() => inheritedSockets(env, 7)).toThrow(problem)
  })
})

describe('the systemd units', () => {
  test('pass systemd-analyze, with an exposure of at most 1.0', () => {
    const units = readdirSync(UNITS).map(name => join(UNITS, name))
    expect(execFileSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8', stdio: 'pipe' })).toBe(
      '',
    )
    // The threshold is in tenths. Without a sandbox the exposure would be near 10.0.
    execFileSync('systemd-analyze', ['security', '--no-pager', '--offline=true', '--threshold=10', SERVICE], {
      stdio: 'pipe',
    })
  })

  test(
    'allow the system calls that the device makes; it opens no network socket',
    async () => {
      const place = folder()
      const [socket, control, log] = ['scmi.sock', 'control.sock', 'strace'].map(name => join(place, name)) as [
        string,
        string,
        string,
      ]
      const args = ['--socket-path', socket, '--state', join(place, 'state'), '--control', control]
      const child = spawn('strace', ['-f', '-qq', '-o', log, process.execPath, CLI, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      onTestFinished(() => void child.kill('SIGKILL'))
      let said = ''
      child.stderr.setEncoding('utf8').on('data', text => (said += text))
      await until(
        () => said.includes('ready: '),
        () => said,
        LIMIT_MS,
      )
      const guest = await connect(socket)
      expect(await guest.send(0x14, 0x7, 1, 1, 0)).toEqual([0])
      expect((await runCommand('ctl', '--control', control, 'show')).code).toBe(0)
      guest.disconnect()
      const pid = Number(/^\d+/.exec(readFileSync(log, 'utf8'))![0])
      const ended = new Promise(resolve => child.once('exit', resolve))
      process.kill(pid, 'SIGTERM')
      await ended
      const calls = readFileSync(log, 'utf8').split('\n')
      const used = new Set(calls.flatMap(line => /^\d+ +(\w+)\(/.exec(line)?.[1] ?? []))
      expect(used.size).toBeGreaterThan(30)
      const allowed = allowedCalls()
      expect([...used].filter(name => !allowed.has(name))).toEqual([])
      const families = new Set(calls.flatMap(line => /socket\((AF_\w+)/.exec(line)?.[1] ?? []))
      expect([...families]).toEqual(['AF_UNIX'])
    },
    LIMIT_MS * 2,
  )
})

/** The system calls that the service's SystemCallFilter= allows. */
function allowedCalls(): Set<string> {
  const membersOf = (set: string): string[] => {
    const text = execFileSync('systemd-analyze', ['syscall-filter', '--no-pager', set], { encoding: 'utf8' })
    const names = text
      .split('\n')
      .slice(1)
      .map(line => line.trim())
    return names.flatMap(name =>
      name.startsWith('@') ? membersOf(name) : name === '' || name.startsWith('#') ? [] : [name],
    )
  }
  const allowed = new Set<string>()
  for (const [, not, sets] of readFileSync(SERVICE, 'utf8').matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const name of sets!.split(' ').flatMap(membersOf)) {
      if (not) allowed.delete(name)
      else allowed.add(name)
    }
  }
  return allowed
}
