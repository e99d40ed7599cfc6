/** The CPU time of an idle device, and the memory that guests cost: measured on the real command in its own process. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { cpuMsOf } from '../../src/bench/process-status.js'
import { resultSchema } from '../../src/bench/result.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT } from '../../src/front-end/memory.js'
import { inFolder, RunningCommand, runCommand } from '../cli/command.js'
import { CLOCK } from '../control/rig.js'
import { Guest } from '../driver/guest.js'

/** Long enough to notice the CPU time of a stray timer. */
const IDLE_MS = 6_000
/** The limit, as a share of one core. */
const IDLE_SHARE_MAX = 0.005
/** The same while it looks at doorbells: a hundredth is what it aims at. */
const LOOKING_SHARE_MAX = 0.015
const PERF = 0x13
const [LEVEL_SET, DESCRIBE] = [0x7, 0xb]
const CHANNELS = `
vendor: acme
shared_memory: { address: ${FLAT.guest + (2 << 20)}, size: 0x1000 }
perf_domains:
  - { name: cpu, levels: [{ level: 1, power: 1, frequency: 1 GHz }], fast_channels: true }
`
const ONE_GUEST_KB_MAX = 90 << 10
const FURTHER_GUEST_KB_MAX = 1 << 10
const RATE_GET = 0x6

/**
 * CPU time of the idle process, as a share of the elapsed time: the least of a few measurements, because V8 collects garbage
 * some seconds after the last work.
 */
async function idleShare(pid: number, max = IDLE_SHARE_MAX): Promise<number> {
  let least = Infinity
  for (let i = 0; i < 3 && least >= max; i++) {
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

test('a device that looks at doorbells takes little of a core, however much a wake-up costs', { timeout: 60_000 }, () =>
  inFolder(async folder => {
    const [path, platform] = [join(folder, 'socket'), join(folder, 'board.yaml')]
    writeFileSync(platform, CHANNELS)
    const command = new RunningCommand(['--socket-path', path, '--platform', platform])
    onTestFinished(() => void command.child.kill('SIGKILL'))
    await command.said(/ready/)
    const guest = new Guest()
    onTestFinished(() => guest.close())
    await guest.connect(FrontEnd.connect(path))
    expect((await guest.send(PERF, DESCRIBE, 0, LEVEL_SET))[0]).toBe(0)
    await sleep(1000)
    const pid = command.child.pid!
    const switches = () =>
      Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
    const before = switches()
    expect(await idleShare(pid, LOOKING_SHARE_MAX)).toBeLessThan(LOOKING_SHARE_MAX)
    // It did look: every 20 ms at least.
    expect(switches() - before).toBeGreaterThan(IDLE_MS / 40)
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
