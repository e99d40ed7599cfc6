/**
 * The back ends of a run, each in its own process: this package's device, three floors to compare it with, and optionally
 * the user's. They sleep while another one is measured.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { OperatorError } from '../support/errors.js'
import { nativeProgram } from './front-end.js'
import type { GcPause } from './gc-observer.js'
import type { BACK_ENDS } from './result.js'

export const CLI = join(import.meta.dirname, '../cli.js')
const GC_OBSERVER = new URL('./gc-observer.js', import.meta.url).href
const NATIVE_FLOOR = join(import.meta.dirname, 'native-floor.js')

/** Time limit until a back end listens. */
const START_LIMIT_MS = 20_000

export type BackEndName = (typeof BACK_ENDS)[number]

export interface BackEnd {
  name: BackEndName
  /** One per guest; the first n serve n guests. */
  sockets: readonly string[]
  /** Garbage collections so far. */
  gcPauses: GcPause[]
  pid?: number
  close(): Promise<void>
}

export interface DeviceSettings {
  platform: string
  pollUs: number | 'auto'
}

/** Serves the platform as users do, one agent per socket, and reports garbage collections. */
export async function startDevice(sockets: readonly string[], { platform, pollUs }: DeviceSettings): Promise<BackEnd> {
  const endpoints = sockets.flatMap((path, i) => ['--agent', `guest${i}=${path}`])
  const options = ['--platform', platform, '--poll-us', String(pollUs), '--log-level', 'error']
  const child = spawn(process.execPath, ['--import', GC_OBSERVER, CLI, ...endpoints, ...options], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const gcPauses: GcPause[] = []
  child.on('message', pause => gcPauses.push(pause as GcPause))
  await ready(child, child.stderr!, /ready: /)
  return { name: 'device', sockets, gcPauses, pid: child.pid!, close: () => end(child) }
}

/** Starts the floors. `answers` are their constant answers: words, header first. */
export async function startFloors(folder: string, guests: number, answers: readonly number[][]): Promise<BackEnd[]> {
  const paths = (name: string) => Array.from({ length: guests }, (_, i) => join(folder, `${name}${i}.sock`))
  const start = async (name: BackEndName, sockets: string[], command: string, args: string[]): Promise<BackEnd> => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await ready(child, child.stdout, /ready/)
    return { name, sockets, gcPauses: [], pid: child.pid!, close: () => end(child) }
  }
  const [busy, events, native] = [paths('busy'), paths('events'), paths('native')]
  const inC = (mode: string, sockets: string[]) => [
    mode,
    ...sockets.map(path => `socket=${path}`),
    ...answers.map(words => `answer=${words.join(',')}`),
  ]
  return Promise.all([
    start('busy loop', busy, nativeProgram, inC('busy-loop', busy)),
    start('event loop', events, nativeProgram, inC('event-loop', events)),
    start('native floor', native, process.execPath, [NATIVE_FLOOR, JSON.stringify(answers), ...native]),
  ])
}

/** A back end that somebody else starts and stops. */
export function otherBackEnd(sockets: readonly string[]): BackEnd {
  return { name: 'other', sockets, gcPauses: [], close: async () => {} }
}

/** Waits until the process reports that it listens. If it exits instead, throws OperatorError with its output. */
async function ready(child: ChildProcess, stream: NodeJS.ReadableStream, pattern: RegExp): Promise<void> {
  const lines: string[] = []
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      createInterface(stream).on('line', line => {
        lines.push(line)
        if (pattern.test(line)) resolve()
      })
      const fail = (why: string) => reject(new OperatorError(lines.at(-1)?.replace(/^vhost-user-scmi: /, '') ?? why))
      child.once('error', reject)
      child.once('close', code => fail(`a back end exited with code ${code} before it listened`))
      timer = setTimeout(fail, START_LIMIT_MS, 'a back end does not listen')
    })
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
