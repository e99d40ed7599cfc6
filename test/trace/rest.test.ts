import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { rests } from '../../src/trace/rest.js'

const ROUNDS = 100

/** Until the test ends, all threads of this process share one core with a busy process. */
function shareCore(): void {
  const [, cores] = /^Cpus_allowed_list:\s*((\d+).*)$/m.exec(readFileSync('/proc/self/status', 'latin1'))!
  const pin = (list: string) =>
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', list, String(process.pid)])
  const core = String(Number.parseInt(cores!, 10))
  pin(core)
  const busy = spawn('taskset', ['--cpu-list', core, 'sh', '-c', 'while :; do :; done'])
  onTestFinished(() => {
    busy.kill('SIGKILL')
    pin(cores!)
  })
}

function work(): void {
  for (const end = performance.now() + 5; performance.now() < end; );
}

test('a thread pauses when it has to wait for a core, but not when it is in a hurry', () => {
  shareCore()
  const slept = vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out')
  onTestFinished(() => slept.mockRestore())
  const hurry = new Int32Array(new SharedArrayBuffer(4))
  const rest = rests(hurry)
  for (let round = 0; round < ROUNDS && slept.mock.calls.length === 0; round++) {
    work()
    rest()
  }
  expect(slept.mock.calls.length).toBe(1)
  Atomics.store(hurry, 0, 1)
  for (let round = 0; round < ROUNDS; round++) {
    work()
    rest()
  }
  expect(slept.mock.calls.length).toBe(1)
})
