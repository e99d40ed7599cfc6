/** Start-up cost: from exec to accepting connections, as a supervisor sees it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FailedError } from '../support/errors.js'
import { CLI } from './back-ends.js'
import { cpuMsOf } from './process-status.js'
import type { Startup } from './result.js'
import { median, rounded } from './statistics.js'

const LIMIT_MS = 20_000
const LOOK_EVERY_MS = 1

/** Starts the device `times` times. Throws FailedError if it does not start. */
export async function measureStartup(platform: string, times: number, signal: AbortSignal): Promise<Startup> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-bench-'))
  const runs: { acceptingMs: number; cpuMs: number }[] = []
  const nodeMs: number[] = []
  try {
    for (let i = 0; i < times; i++) {
      nodeMs.push(await startNothing())
      runs.push(await startOnce(platform, join(folder, `${i}.sock`), signal))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    platform,
    acceptingMs: runs.map(({ acceptingMs }) => rounded(acceptingMs)),
    cpuMs: rounded(median(runs.map(({ cpuMs }) => cpuMs))),
    nodeMs: rounded(median(nodeMs)),
  }
}

async function startOnce(
  platform: string,
  path: string,
  signal: AbortSignal,
): Promise<{ acceptingMs: number; cpuMs: number }> {
  const began = performance.now()
  const child = spawn(process.execPath, [CLI, '--socket-path', path, '--platform', platform, '--log-level', 'error'], {
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  try {
    while (!(await accepts(path))) {
      signal.throwIfAborted()
      if (child.exitCode !== null) throw new FailedError(`the device does not start on platform ${platform}`)
      if (performance.now() - began > LIMIT_MS) throw new FailedError('the device does not accept connections')
      await sleep(LOOK_EVERY_MS)
    }
    return { acceptingMs: performance.now() - began, cpuMs: cpuMsOf(child.pid!) }
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

async function startNothing(): Promise<number> {
  const began = performance.now()
  await once(spawn(process.execPath, ['--eval', '0'], { stdio: 'ignore' }), 'exit')
  return performance.now() - began
}
