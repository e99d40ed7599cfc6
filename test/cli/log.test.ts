/** A log that nobody reads, that is full, or whose reader is gone: the device goes on, ends in order, and reports lost lines. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { Guest } from '../driver/guest.js'
import { inFolder } from './command.js'

const CLI = join(import.meta.dirname, '../../dist/src/cli.js')
const LIMIT_MS = 60_000
const CLOCK = 0x14
const RATE_GET = 0x6
/** Messages, each a line of the log at level trace: more than the pipe holds, then more than the device's backlog. */
const PIPE_FULL = 3000
const MESSAGES = 20_000

/** Starts a device whose log goes to `stderr`; resolves with a guest that is connected. */
async function start(folder: string, stderr: 'pipe' | number, words: string[] = ['--log-level', 'trace']) {
  const path = join(folder, 'scmi.sock')
  const child = spawn(process.execPath, [CLI, '--socket-path', path, ...words], { stdio: ['ignore', 'ignore', stderr] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const guest = new Guest()
  onTestFinished(() => guest.close())
  await guest.connect(await connected(path))
  return { child, guest, path }
}

async function connected(path: string): Promise<FrontEnd> {
  for (const deadline = performance.now() + LIMIT_MS; ; await sleep(20)) {
    try {
      return FrontEnd.connect(path)
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
  }
}

async function askOften(guest: Guest, times = PIPE_FULL): Promise<void> {
  for (let i = 0; i < times; i++) expect((await guest.send(CLOCK, RATE_GET, 0))[0]).toBe(0)
}

function ended(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise(resolve => child.once('exit', (code, signal) => resolve(code ?? signal!)))
}

/** Ends a device by SIGTERM; the time that it takes, in seconds. */
async function stop(child: ChildProcess): Promise<number> {
  const began = performance.now()
  const end = ended(child)
  child.kill('SIGTERM')
  expect(await end).toBe(0)
  return (performance.now() - began) / 1000
}

/** Lines that were written, and lines that are reported as lost. */
function counted(log: string): { lines: number; missing: number } {
  const messages = log.match(/CLOCK_RATE_GET #\d+/g) ?? []
  const told = [...log.matchAll(/(\d+) lines were not written/g)].map(([, count]) => Number(count))
  return { lines: messages.length, missing: told.reduce((sum, count) => sum + count, 0) }
}

/** Reads what a descriptor has now. */
function readAll(fd: number): string {
  const buffer = Buffer.alloc(64 << 10)
  let text = ''
  for (;;) {
    try {
      const length = readSync(fd, buffer)
      if (length === 0) return text
      text += buffer.toString('latin1', 0, length)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return text
      throw error
    }
  }
}

/** The two ends of a pipe in the file system, the one to read without waiting. */
function openPipe(folder: string): Promise<{ reader: number; writer: number }> {
  const path = join(folder, 'log')
  return new Promise((resolve, reject) => {
    spawn('mkfifo', [path]).on('exit', code => {
      if (code !== 0) return reject(new Error(`mkfifo ended with ${code}`))
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      resolve({ reader, writer: openSync(path, constants.O_WRONLY) })
    })
  })
}

describe('a log that nobody reads', () => {
  test(
    'in a pipe does not stop the device; once it is read, the number of lost lines is logged',
    () =>
      inFolder(async folder => {
        const { reader, writer } = await openPipe(folder)
        const { child, guest } = await start(folder, writer)
        closeSync(writer)
        await askOften(guest, MESSAGES)
        let log = ''
        await until(() => {
          log += readAll(reader)
          return /lines were not written/.test(log)
        }, 'the log to tell')
        const end = stop(child)
        log += readAll(reader)
        expect(await end).toBeLessThan(10)
        log += readAll(reader)
        closeSync(reader)
        const { lines, missing } = counted(log)
        expect(missing).toBeGreaterThan(0)
        // Other lines may be missing, too.
        expect(lines + missing).toBeGreaterThanOrEqual(MESSAGES)
        expect(lines).toBeLessThan(MESSAGES)
      }),
    LIMIT_MS,
  )

  test(
    'in a socket does not stop the device, nor keep it from ending',
    () =>
      inFolder(async folder => {
        const { child, guest } = await start(folder, 'pipe')
        await askOften(guest)
        expect(await stop(child)).toBeLessThan(10)
      }),
    LIMIT_MS,
  )

  test(
    'on a terminal stopped with ^S does not stop the device, nor keep it from ending',
    () =>
      inFolder(async folder => {
        const path = join(folder, 'scmi.sock')
        const script = join(folder, 'terminal.py')
        writeFileSync(script, TERMINAL)
        const words = [script, process.execPath, CLI, '--socket-path', path, '--log-level', 'trace']
        const terminal = spawn('python3', words, { stdio: ['ignore', 'pipe', 'inherit'] })
        onTestFinished(() => void terminal.kill('SIGKILL'))
        let said = ''
        terminal.stdout.on('data', data => (said += data))
        await until(() => /^\d+\n/.test(said), 'the device to start')
        const guest = new Guest()
        onTestFinished(() => guest.close())
        await guest.connect(await connected(path))
        await askOften(guest)
        const end = ended(terminal)
        process.kill(Number.parseInt(said, 10), 'SIGTERM')
        expect(await end).toBe(0)
      }),
    LIMIT_MS,
  )

  test(
    'is written to its last line if there is room for it',
    () =>
      inFolder(async folder => {
        const { reader, writer } = await openPipe(folder)
        const { child, guest } = await start(folder, writer)
        closeSync(writer)
        await askOften(guest, 100)
        child.kill('SIGTERM')
        expect(await ended(child)).toBe(0)
        // Everything fits: all is written by the end of the process.
        expect(counted(readAll(reader))).toEqual({ lines: 100, missing: 0 })
        closeSync(reader)
      }),
    LIMIT_MS,
  )
})

test(
  'a log whose reader is gone, and one on a full disk, do no harm',
  () =>
    inFolder(async folder => {
      for (const kind of ['closed', 'full']) {
        const pipe = kind === 'closed' ? await openPipe(folder) : undefined
        const fd = pipe?.writer ?? openSync('/dev/full', 'w')
        const { child, guest } = await start(folder, fd)
        if (pipe) closeSync(pipe.reader)
        closeSync(fd)
        await askOften(guest, 1000)
        expect(await stop(child)).toBeLessThan(10)
      }
    }),
  LIMIT_MS,
)

test(
  'an event that a front end repeats is logged a few times, then counted',
  () =>
    inFolder(async folder => {
      const { child, guest, path } = await start(folder, 'pipe', [])
      let log = ''
      child.stderr!.on('data', data => (log += data))
      const CONNECTIONS = 400
      guest.disconnect()
      for (let i = 0; i < CONNECTIONS; i++) {
        const frontEnd = await connected(path)
        frontEnd.raw(new Uint8Array(12).fill(0xff))
        await until(() => frontEnd.poll() === 'closed', 'the connection to be closed')
        frontEnd.close()
      }
      await stop(child)
      const written = log.split('\n').filter(line => line.includes('front end disconnected'))
      const told = [...log.matchAll(/(\d+) more lines like this were omitted: front end disconnected/g)]
      const left = told.reduce((sum, [, count]) => sum + Number(count), 0)
      expect(log.split('\n').length).toBeLessThan(200)
      expect(written.length - told.length + left).toBe(CONNECTIONS + 1)
    }),
  LIMIT_MS,
)

/** Runs its arguments with standard error on a terminal whose output is stopped; prints the process id first. */
const TERMINAL = `
import os, pty, subprocess, sys, termios
master, slave = pty.openpty()
termios.tcflow(slave, termios.TCOOFF)
child = subprocess.Popen(sys.argv[1:], stderr=slave, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.exit(child.wait())
`
