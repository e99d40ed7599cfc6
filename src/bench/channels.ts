/**
 * Fast channels: how soon the platform acts on what a guest writes, and what it costs to look. A front end of ours writes a
 * level and rings the doorbell; it watches the channel of the level until the platform has written there.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, type ProtocolCalls } from '../client/client.js'
import { VhostUserChannel } from '../client/vhost-user-channel.js'
import { FLAT, type GuestMemory } from '../front-end/memory.js'
import { perf } from '../protocols/perf.js'
import { FailedError } from '../support/errors.js'
import type { Progress } from '../support/progress.js'
import { startDevice } from './back-ends.js'
import { measure } from './front-end.js'
import { cpuMsOf } from './process-status.js'
import type { Scenario } from './scenario.js'
import { rounded } from './statistics.js'

const LEVELS = [600, 1200] as const
const [LIMITS_SET, LIMITS_GET, LEVEL_SET, LEVEL_GET] = [0x5, 0x6, 0x7, 0x8]
/** Messages of a domain that have channels (SCMI v3.2 §4.5.2). */
export const CHANNEL_MESSAGES = [LIMITS_SET, LIMITS_GET, LEVEL_SET, LEVEL_GET]
const POLL_MS = 1
/** Behind what the client's driver uses of its memory. */
const SHARED_AT = FLAT.guest + (2 << 20)
/** The platform file; channels lie at this guest-physical address. */
export const channelPlatform = (address: number): string => `
vendor: bench
shared_memory: { address: ${address}, size: 0x1000, poll: ${POLL_MS} ms }
perf_domains:
  - name: cpu
    levels: [{ level: 600, power: 100 }, { level: 1200, power: 300 }]
    sustained_frequency: 1.2 GHz
    fast_channels: true
`
/** Between two writes, at random: in step with the platform's timer they would meet the same moment each time. */
const PAUSE_MS = { least: 1, more: 3 }
const LIMIT_MS = 1000
/** After traffic, compiler and collector have something left to do. */
const SETTLE_MS = 2000
/** The load comes from another guest. */
const LOAD_DEPTH = 16

export interface ChannelOptions {
  writes: number
  /** How long the processor time of an idle device is measured, with and without channels. */
  idleMs: number
  /** What the other guest sends under load. */
  load: Scenario
  signal: AbortSignal
  progress: Progress
}

export interface Reaction {
  p50: number
  p99: number
  max: number
}

export interface ChannelResult {
  pollMs: number
  writes: number
  /** Microseconds from the ring to the platform's answer in memory. */
  idleUs: Reaction
  loadUs: Reaction
  load: string
  /** Percent of a core that the device takes while nothing happens. */
  lookingPercent: number
  unusedPercent: number
}

export async function measureChannels(options: ChannelOptions): Promise<ChannelResult> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-bench-'))
  const [path, other] = ['0', '1'].map(name => join(folder, `${name}.sock`)) as [string, string]
  const platform = join(folder, 'channels.yaml')
  writeFileSync(platform, channelPlatform(SHARED_AT))
  const { progress, signal, writes, idleMs } = options
  const device = await startDevice([path, other], { platform, pollUs: 'auto' })
  try {
    const guest = await ChannelGuest.connect(path)
    try {
      await guest.messages(writes)
      progress.update('idle, without channels')
      const unusedPercent = await idlePercent(device.pid!, idleMs, signal)
      await guest.describe()
      progress.update('idle, with channels')
      const lookingPercent = await idlePercent(device.pid!, idleMs, signal)
      progress.update('reaction, idle')
      await guest.reactions(writes, signal)
      const idleUs = await guest.reactions(writes, signal)
      progress.update('reaction, under load')
      const loadUs = await guest.reactionsUnder(() => loadOf(other, options), writes, signal)
      const load = `another guest keeps ${LOAD_DEPTH} commands in flight`
      return { pollMs: POLL_MS, writes, idleUs, loadUs, load, lookingPercent, unusedPercent }
    } finally {
      guest.close()
    }
  } finally {
    await device.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function idlePercent(pid: number, ms: number, signal: AbortSignal): Promise<number> {
  await sleep(SETTLE_MS, undefined, { signal })
  const [began, before] = [performance.now(), cpuMsOf(pid)]
  await sleep(ms, undefined, { signal })
  return rounded(((cpuMsOf(pid) - before) / (performance.now() - began)) * 100)
}

/** Ends when the guest has written often enough. */
async function loadOf(path: string, { load, writes, signal }: ChannelOptions): Promise<void> {
  const measureMs = writes * (PAUSE_MS.least + PAUSE_MS.more)
  await measure([path], { ...load, depth: LOAD_DEPTH, guests: 1, cores: 'free' }, { warmupMs: 0, measureMs }, signal)
}

class ChannelGuest {
  readonly #channel: VhostUserChannel
  readonly #perf: ProtocolCalls<typeof perf>
  readonly #memory: GuestMemory
  /** The level to set, its doorbell, and the level that holds. */
  #set: DataView | undefined
  #bell: DataView | undefined
  #get: DataView | undefined
  #level: number = LEVELS[1]

  private constructor(channel: VhostUserChannel) {
    this.#channel = channel
    this.#perf = createClient(channel, [perf]).perf
    this.#memory = channel.memory
  }

  static async connect(path: string): Promise<ChannelGuest> {
    return new ChannelGuest(await VhostUserChannel.connect(path))
  }

  close(): void {
    this.#channel.close()
  }

  /** So that the device's code is compiled. */
  async messages(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#perf.PERFORMANCE_LEVEL_GET({ domain_id: 0 })
  }

  async describe(): Promise<void> {
    const channel = (message_id: number) => this.#perf.PERFORMANCE_DESCRIBE_FASTCHANNEL({ domain_id: 0, message_id })
    const set = await channel(LEVEL_SET)
    this.#set = this.#memory.view(set.chan_addr_low, set.chan_size)
    this.#bell = this.#memory.view(set.db_addr_low, 1)
    const get = await channel(LEVEL_GET)
    this.#get = this.#memory.view(get.chan_addr_low, get.chan_size)
  }

  async reactions(count: number, signal: AbortSignal): Promise<Reaction> {
    const us: number[] = []
    while (us.length < count) {
      signal.throwIfAborted()
      us.push(this.#write())
      await sleep(PAUSE_MS.least + Math.random() * PAUSE_MS.more)
    }
    return reactionOf(us)
  }

  /** The same while `load` runs: what was written after its end does not count. */
  async reactionsUnder(load: () => Promise<void>, count: number, signal: AbortSignal): Promise<Reaction> {
    const us: number[] = []
    let over = false
    const running = load().finally(() => {
      over = true
    })
    while (!over && us.length < count) {
      signal.throwIfAborted()
      us.push(this.#write())
      await sleep(PAUSE_MS.least + Math.random() * PAUSE_MS.more)
    }
    await running
    return reactionOf(us)
  }

  /** Sets the other level. Returns the microseconds until it holds. */
  #write(): number {
    const level = LEVELS.find(candidate => candidate !== this.#level)!
    const [set, bell, get] = [this.#set!, this.#bell!, this.#get!]
    set.setUint32(0, level, true)
    const began = performance.now()
    bell.setUint8(0, 1)
    // Nothing else runs here meanwhile: a timer would be later than the platform.
    while (get.getUint32(0, true) !== level) {
      if (performance.now() - began > LIMIT_MS) throw new FailedError(`the device does not act within ${LIMIT_MS} ms`)
    }
    this.#level = level
    return (performance.now() - began) * 1000
  }
}

function reactionOf(us: number[]): Reaction {
  us.sort((a, b) => a - b)
  const at = (share: number) => rounded(us[Math.min(us.length - 1, Math.floor(us.length * share))]!)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

export function channelLines(result: ChannelResult): string[] {
  const { pollMs, writes, idleUs, loadUs, load, lookingPercent, unusedPercent } = result
  const reaction = ({ p50, p99, max }: Reaction) => `median ${p50} us, p99 ${p99} us, longest ${max} us`
  return [
    `from a guest's ring to the platform's reaction, poll ${pollMs} ms, ${writes} writes each:`,
    `  idle        ${reaction(idleUs)}`,
    `  under load  ${reaction(loadUs)} (${load})`,
    'processor time of the device while nothing happens:',
    `  no channel described   ${unusedPercent} % of a core`,
    `  channels are looked at ${lookingPercent} % of a core`,
  ]
}
