/**
 * What a state file costs: the device's CPU time for CLOCK_RATE_SET on `large`, compared with a device without one. The two
 * are measured in turn; the minima are compared, because other load only adds to them.
 */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { BenchCommand } from '../../src/bench/commands.js'
import { measure } from '../../src/bench/front-end.js'
import type { Scenario } from '../../src/bench/scenario.js'
import { COMMAND, packHeader } from '../../src/wire/header.js'
import { inFolder, RunningCommand } from '../cli/command.js'

const LIMIT_MS = 120_000
const ROUNDS = 7
const TIMING = { warmupMs: 100, measureMs: 150 }
/** Two and a bit on an idle machine; 1.7 for one message at a time of a driver that sleeps. A record for each message would cost 5 and more. */
const RATIO_MAX = 3

const DEV_0 = 100
const setTo = (rateHz: number): BenchCommand => ({
  protocol: 'clock',
  name: 'CLOCK_RATE_SET',
  weight: 1,
  constant: false,
  request: [packHeader(0x14, 0x5, COMMAND, 0), 0, DEV_0, rateHz, 0],
})

const SCENARIO: Scenario = {
  depth: 128,
  mix: { name: 'rates', commands: [setTo(5_000_000), setTo(7_000_000)] },
  wait: 'spin',
  descriptors: 'indirect',
  eventIdx: true,
  guests: 1,
  cores: 'free',
}

async function started(folder: string, name: string, ...more: string[]): Promise<string> {
  const socket = join(folder, name)
  const command = new RunningCommand(['--platform', 'large', '--socket-path', socket, ...more])
  onTestFinished(() => void command.child.kill('SIGKILL'))
  await command.said(/ready/)
  return socket
}

test('with 128 messages in flight a state file costs at most three times the CPU time', { timeout: LIMIT_MS }, () =>
  inFolder(async folder => {
    const sockets = [
      await started(folder, 'without'),
      await started(folder, 'with', '--state', join(folder, 'state')),
    ] as const
    const least = [Infinity, Infinity]
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, socket] of sockets.entries()) {
        const { backEndCpuNs, messages } = await measure([socket], SCENARIO, TIMING)
        least[i] = Math.min(least[i]!, backEndCpuNs / messages)
      }
    }
    const ratio = least[1]! / least[0]!
    console.info(`with a state file: ${ratio.toFixed(2)} times the CPU time`)
    expect(ratio).toBeLessThan(RATIO_MAX)
  }),
)
