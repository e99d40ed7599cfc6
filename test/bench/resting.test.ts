/** The CPU time of an idle device, and the memory that guests cost: measured on the real command in its own process. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { cpuMsOf } from '../../src/bench/process-status.js'
import { resultSchema } from '../../src/bench/result.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { inFolder, RunningCommand, runCommand } from '../cli/command.js'
import { CLOCK } from '../control/rig.js'
import { Guest } from '../driver/guest.js'

/** Long enough to notice the CPU time of a stray timer. */
const IDLE_MS = 6_000
/** The limit, as a share of one core. */
const IDLE_SHARE_MAX = 0.005
const ONE_GUEST_KB_MAX = 90 << 10
const FURTHER_GUEST_KB_MAX = 1 << 10
const RATE_GET = 0x6

/**
 * CPU time of the idle process, as a share of the elapsed time: the least of a few measurements, because V8 collects garbage
 * some seconds after the last work.
 */
async function idleShare(pid: number): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 3 && least >= IDLE_SHARE_MAX; i++) {
    const before = cpuMsOf(pid)
    await sleep(IDLE_MS)
    least = Math.min(least, (cpuMsOf(pid) - before) / IDLE_MS)
  }
  return least
}

test.each(['auto', '50'])(
  'an idle device takes less than 0.5 % of a core, before a guest comes and after its traffic: --poll-us %s',
  { timeout: 60_000 },
  pollUs =>
    inFolder(async folder => {
      const path = join(folder, 'socket')
      const command = new RunningCommand(['--socket-path', path, '--platform', 'everything', '--poll-us', pollUs])
      onTestFinished(() => void command.child.kill('SIGKILL'))
      await command.said(/ready/)
      const pid = command.child.pid!
      // The compiler's threads, and the collector's, may have something left to do after the start.
      await sleep(500)
      expect(await idleShare(pid)).toBeLessThan(IDLE_SHARE_MAX)
      const guest = new Guest()
      onTestFinished(() => guest.close())
      await guest.connect(FrontEnd.connect(path))
      for (let i = 0; i < 2000; i++) expect((await guest.send(CLOCK, RATE_GET, 0))[0]).toBe(0)
      await sleep(500)
      expect(await idleShare(pid)).toBeLessThan(IDLE_SHARE_MAX)
      expect(await command.stop()).toBe(0)
    }),
)

test('one guest is served in less than 90 MB, each further one takes less than 1 MB besides its own memory', {
  timeout: 120_000,
}, async () => {
  const args = ['--rounds', '1', '--measure-ms', '10', '--mix', 'base,clock,sensor', '--depth', '16', '--wait', 'sleep']
  const { code, stdout, stderr } = await runCommand('bench', ...args, '--starts', '0', '--json')
  expect(code, stderr).toBe(0)
  const memory = resultSchema.parse(JSON.parse(stdout)).memory!
  expect(memory.guests).toBe(16)
  expect(memory.oneGuestKb).toBeLessThan(ONE_GUEST_KB_MAX)
  expect(memory.perFurtherGuestKb).toBeLessThan(FURTHER_GUEST_KB_MAX)
})
