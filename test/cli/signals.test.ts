/** Signals that reach the commands: SIGUSR1 opens no port, SIGHUP ends them in order. Ports are found in /proc. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Terminal } from '../support/terminal.js'
import { inFolder, RunningCommand } from './command.js'

const DEVICE = join(import.meta.dirname, '../../dist/src/cli.js')
const LAB = join(import.meta.dirname, '../../dist/qemu/cli.js')
const LIMIT_MS = 60_000
const LISTENING = '0A'
/** Bit of SIGUSR1 in the masks of /proc/PID/status. */
const SIGUSR1 = 1n << 9n

/** Inodes of the TCP sockets that the process listens on. */
function listeningPorts(pid: number): string[] {
  const listening = new Map<string, string>()
  for (const table of ['tcp', 'tcp6']) {
    if (!existsSync(`/proc/${pid}/net/${table}`)) continue
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1)) {
      const [, address, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === LISTENING) listening.set(`socket:[${inode}]`, address!)
    }
  }
  return readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
    try {
      return listening.get(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? []
    } catch {
      // It has been closed.
      return []
    }
  })
}

/** Resolves as soon as Node has installed its SIGUSR1 handler, before any JavaScript runs; earlier the signal would kill. */
async function handlesSigusr1(pid: number): Promise<void> {
  for (;;) {
    const [, mask] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
    if (BigInt(`0x${mask}`) & SIGUSR1) return
    await new Promise(resolve => setImmediate(resolve))
  }
}

function killedAfter<Child extends ChildProcess>(child: Child): Child {
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

describe('SIGUSR1 opens no port', () => {
  test.each([
    { name: 'of a device', more: () => [] },
    { name: 'of a device with a trace and its worker', more: (folder: string) => ['--trace', join(folder, 'trace')] },
  ])('$name', { timeout: LIMIT_MS }, ({ more }) =>
    inFolder(async folder => {
      const command = new RunningCommand(['--socket-path', join(folder, 'scmi.sock'), ...more(folder)])
      const { pid } = killedAfter(command.child)
      await command.said(/ready/)
      for (let i = 0; i < 3; i++) process.kill(pid!, 'SIGUSR1')
      await command.said(/SIGUSR1 ignored/)
      expect(listeningPorts(pid!)).toEqual([])
      expect(command.stderr).not.toContain('Debugger')
      expect(await command.stop()).toBe(0)
    }),
  )

  test(
    'of a device that is still starting: the inspector that Node opened is closed again',
    { timeout: LIMIT_MS },
    () =>
      inFolder(async folder => {
        const command = new RunningCommand(['--socket-path', join(folder, 'scmi.sock')])
        const { pid } = killedAfter(command.child)
        await handlesSigusr1(pid!)
        process.kill(pid!, 'SIGUSR1')
        await command.said(/ready/)
        process.kill(pid!, 'SIGUSR1')
        await command.said(/SIGUSR1 ignored/)
        await expect.poll(() => listeningPorts(pid!), { timeout: LIMIT_MS / 2 }).toEqual([])
        expect(await command.stop()).toBe(0)
      }),
  )

  test('of scmi-lab', { timeout: LIMIT_MS }, async () => {
    // A process that keeps running, without a guest.
    const lasting = ['--import', 'data:text/javascript,setInterval(() => {}, 1000)']
    const child = killedAfter(spawn(process.execPath, [...lasting, LAB, 'list'], { stdio: ['ignore', 'pipe', 'pipe'] }))
    const closed = new Promise<number | string>(resolve =>
      child.on('close', (code, signal) => resolve(code ?? signal!)),
    )
    let stderr = ''
    child.stderr.on('data', data => (stderr += data))
    await new Promise(resolve => child.stdout.once('data', resolve))
    for (let i = 0; i < 3; i++) process.kill(child.pid!, 'SIGUSR1')
    // It has handled the earlier signals once it handles the next.
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(listeningPorts(child.pid!)).toEqual([])
    expect(stderr).not.toContain('Debugger')
    child.kill('SIGKILL')
    expect(await closed).toBe('SIGKILL')
  })
})

test('SIGHUP ends a device in order: twice, as when a terminal is closed', { timeout: LIMIT_MS }, () =>
  inFolder(async folder => {
    mkdirSync(join(folder, 'sockets'))
    const [socket, trace] = [join(folder, 'sockets', 'scmi.sock'), join(folder, 'trace')]
    const command = new RunningCommand(['--socket-path', socket, '--trace', trace])
    killedAfter(command.child)
    await command.said(/ready/)
    command.child.kill('SIGHUP')
    await command.said(/SIGHUP: stopping/)
    command.child.kill('SIGHUP')
    expect(await command.ended).toBe(0)
    expect(readdirSync(join(folder, 'sockets'))).toEqual([])
    expect(readFileSync(trace).length).toBeGreaterThan(0)
  }),
)

describe('a terminal that is closed ends what runs on it in order', () => {
  function onTerminal(command: string[]): Terminal {
    const terminal = new Terminal([process.execPath, ...command])
    onTestFinished(() => terminal.close())
    return terminal
  }

  test('a device, with its log on that terminal', { timeout: LIMIT_MS }, () =>
    inFolder(async folder => {
      mkdirSync(join(folder, 'sockets'))
      const [socket, state, trace] = [
        join(folder, 'sockets', 'scmi.sock'),
        join(folder, 'state'),
        join(folder, 'trace'),
      ]
      const terminal = onTerminal([DEVICE, '--socket-path', socket, '--state', state, '--trace', trace])
      await terminal.shows(/ready/)
      terminal.hangUp()
      expect(await terminal.ended()).toBe(0)
      expect(readdirSync(join(folder, 'sockets'))).toEqual([])
      expect(readFileSync(trace).length).toBeGreaterThan(0)
      // The socket and state file are free for the next device.
      const next = new RunningCommand(['--socket-path', socket, '--state', state])
      killedAfter(next.child)
      await next.said(/ready/)
      expect(await next.stop()).toBe(0)
    }),
  )

  test('scmi-lab', { timeout: LIMIT_MS }, async () => {
    // Something that lasts until the signal comes, without a guest.
    const lasting = 'const t = setInterval(() => {}, 1000); process.on("SIGHUP", () => clearInterval(t))'
    const terminal = onTerminal(['--import', `data:text/javascript,${lasting}`, LAB, 'list', 'bind'])
    await terminal.shows(/bind/)
    terminal.hangUp()
    expect(await terminal.ended()).toBe(0)
  })
})
