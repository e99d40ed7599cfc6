/**
 * What fast channels cost messages: the device looks at doorbells before each batch, once channels are described. The rates
 * of a guest that had them described, of those of a guest that never asks; both on one platform, in turn.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { perf } from '../protocols/perf.js'
import type { Progress } from '../support/progress.js'
import { COMMAND, packHeader } from '../wire/header.js'
import { startDevice } from './back-ends.js'
import { CHANNEL_MESSAGES, channelPlatform } from './channels.js'
import type { BenchCommand } from './commands.js'
import { type Measurement, measure } from './front-end.js'
import type { CellScenario, Ratio } from './result.js'
import type { Scenario } from './scenario.js'
import { ratioOf, scenarioOf } from './statistics.js'

/** In the native front end's memory, behind what its queue takes. */
const SHARED_AT = 0x4000_0000 + (252 << 10)
const DESCRIBE_FASTCHANNEL = 0xb

export interface ChannelRate {
  scenario: CellScenario
  /** The rate with channels, of that without, round by round. */
  ofUnused: Ratio
}

/** A command without weight is sent once, before the measurement. */
const describeChannels: BenchCommand[] = CHANNEL_MESSAGES.map(message => ({
  protocol: perf.name,
  name: 'PERFORMANCE_DESCRIBE_FASTCHANNEL',
  weight: 0,
  constant: true,
  request: [packHeader(perf.id, DESCRIBE_FASTCHANNEL, COMMAND, 0), 0, message],
}))

interface RateOptions {
  scenarios: readonly Scenario[]
  rounds: number
  measureMs: number
  signal: AbortSignal
  progress: Progress
}

export async function measureChannelRates({
  scenarios,
  rounds,
  measureMs,
  signal,
  progress,
}: RateOptions): Promise<ChannelRate[]> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-bench-'))
  const [path, platform] = [join(folder, 'guest.sock'), join(folder, 'channels.yaml')]
  writeFileSync(platform, channelPlatform(SHARED_AT))
  const device = await startDevice([path], { platform, pollUs: 'auto' })
  const timing = { warmupMs: Math.ceil(measureMs / 2), measureMs }
  const rates: ChannelRate[] = []
  try {
    for (const scenario of scenarios) {
      const { mix, wait, depth } = scenario
      const used = { ...scenario, mix: { ...mix, commands: [...mix.commands, ...describeChannels] } }
      const without: Measurement[] = []
      const withChannels: Measurement[] = []
      for (let round = 0; round < rounds; round++) {
        progress.update(`rate of ${mix.name}, ${wait}, depth ${depth}: round ${round + 1} of ${rounds}`)
        without.push(await measure([path], scenario, timing, signal))
        withChannels.push(await measure([path], used, timing, signal))
      }
      rates.push({ scenario: scenarioOf(scenario), ofUnused: ratioOf(withChannels, without) })
    }
    return rates
  } finally {
    await device.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function channelRateLines(rates: readonly ChannelRate[]): string[] {
  return [
    'rate of messages while channels are looked at, of the rate without:',
    ...rates.map(
      ({ scenario: { wait, mix, depth }, ofUnused: { median, min, max } }) =>
        `  ${wait.padEnd(6)} ${mix}, depth ${String(depth).padEnd(4)} ${median} (${min}–${max})`,
    ),
  ]
}
