/**
 * A long run of one back end: millions of messages of several guests. Two send as fast as they can. One compares every
 * reply, delayed response and notification, and reconnects. One is a new driver each time, which subscribes, breaks a rule
 * of the ring and leaves. Now and then, fault rules delay and duplicate messages. In the end no message may be unanswered,
 * and the process may have grown in neither memory nor descriptors since it was warm.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ControlClient } from '../../src/access/control/client.js'
import { residentKb } from '../../src/bench/process-status.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { startProgress } from '../../src/support/progress.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { Random } from '../driver/random.js'
import { BackEnd } from './back-end.js'
import { BulkGuest } from './bulk-guest.js'
import { PLATFORM } from './commands.js'
import { CrashGuest } from './crash-guest.js'
import { type Result, timed } from './result.js'

const AGENTS = ['bulk_a', 'bulk_b', 'checked', 'newcomer'] as const
type AgentName = (typeof AGENTS)[number]
const END_LIMIT_MS = 30_000
/** Turns of the bulk guests per turn of the event loop, in which all others run. */
const TURNS = 64
const SAMPLES = 100
/** Messages after which the code is compiled and the heap has reached its size. */
const WARM_UP = 3_000_000
/** Allowed growth of a warm process, garbage aside. */
const GROWTH_MAX_KB = 8 << 10
/** V8 collects the garbage of an idle process after some ten seconds (heap/memory-reducer.h). */
const REST_MS = 40_000
const CLOCK = 0x14

export interface SoakOptions {
  messages: number
  seed: number
  signal?: AbortSignal
}

export async function soak(options: SoakOptions): Promise<Result[]> {
  return [await timed('soak', 'messages answered in one run', () => run(options))]
}

interface Sample {
  residentKb: number
  descriptors: number
}

async function run({ messages, seed, signal }: SoakOptions): Promise<Omit<Result, 'part' | 'what' | 'seconds'>> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-soak-'))
  const random = new Random(seed)
  const site = new Site(folder)
  const bulk = [new BulkGuest(), new BulkGuest()]
  const checked = new CrashGuest(random, false)
  const progress = startProgress('soak')
  const samples: Sample[] = []
  const failures: string[] = []
  const answered = () => bulk.reduce((sum, guest) => sum + guest.answered, checked.answered)
  let over = false
  try {
    await site.ready()
    await bulk[0]!.connect(site.path('bulk_a'))
    await bulk[1]!.connect(site.path('bulk_b'))
    const others = [
      checkedGuest(checked, site, random, () => over),
      newcomers(site, () => over),
      rules(site, random, () => over),
    ]
    let failed: unknown
    for (const other of others) other.catch(error => (failed ??= error))
    for (
      let next = Math.min(WARM_UP, messages);
      answered() < messages && !failed && !signal?.aborted;
      await new Promise(setImmediate)
    ) {
      for (let i = 0; i < TURNS; i++) for (const guest of bulk) guest.turn(true)
      if (answered() < next) continue
      next += Math.max(messages - WARM_UP, 0) / SAMPLES
      samples.push(site.sample())
      const { residentKb, descriptors } = site.sample()
      const detail = `${millions(answered())} messages, ${residentKb} KB, ${descriptors} descriptors`
      progress.update('several guests', answered() / messages, detail)
    }
    over = true
    await Promise.all(others)
    await until(
      () => {
        for (const guest of bulk) guest.turn(false)
        return bulk.every(guest => guest.offered === guest.answered)
      },
      () => `${bulk.map(guest => guest.offered - guest.answered).join(' and ')} messages to be answered`,
      END_LIMIT_MS,
    )
    await checked.settle()
    failures.push(...(await growth(samples, site)))
    samples.push(site.sample())
  } catch (error) {
    over = true
    failures.push((error as Error).message)
  } finally {
    progress.stop()
    for (const { guest } of [...bulk, checked]) guest.close()
    failures.push(...(await site.close()))
    rmSync(folder, { recursive: true })
  }
  const last = samples.at(-1)
  const detail = `${checked.answered} answers and ${checked.delayed} delayed responses compared word by word; ${site.newcomers} drivers came and went; ${last?.residentKb} KB resident, ${last?.descriptors} descriptors`
  return { count: answered(), seed, failures, detail }
}

const millions = (count: number): string => `${(count / 1e6).toFixed(1)} million`

/**
 * Compares the process with itself after a quarter of the run, as V8's heap reaches its size slowly. Garbage makes the
 * resident set rise and fall by 40 MB within seconds or a minute, so minima are compared: that of the second quarter with
 * that of the last or, if that is too high, with that of the idle process.
 */
async function growth(samples: readonly Sample[], site: Site): Promise<string[]> {
  const quarter = Math.floor(samples.length / 4)
  if (quarter === 0) return [`too short a run to see whether it grows: give more than ${WARM_UP} messages`]
  const low = (part: readonly Sample[]) => Math.min(...part.map(sample => sample.residentKb))
  const before = low(samples.slice(quarter, 2 * quarter))
  let after = low(samples.slice(-quarter))
  for (const end = performance.now() + REST_MS; after - before > GROWTH_MAX_KB && performance.now() < end; ) {
    await sleep(500)
    after = Math.min(after, site.sample().residentKb)
  }
  const failures: string[] = []
  if (after - before > GROWTH_MAX_KB) failures.push(`resident set grew from ${before} to ${after} KB`)
  // The number varies, because guests come and go.
  const most = Math.max(...samples.slice(0, quarter).map(sample => sample.descriptors))
  const { descriptors } = site.sample()
  if (descriptors > most) failures.push(`${descriptors} descriptors are open at the end, at most ${most} before`)
  return failures
}

/** Sends random commands, compares every reply, and reconnects with commands in flight. */
async function checkedGuest(guest: CrashGuest, site: Site, random: Random, over: () => boolean): Promise<void> {
  await guest.connect(FrontEnd.connect(site.path('checked')))
  while (!over()) {
    const end = performance.now() + random.below(300)
    await guest.traffic(16, () => over() || performance.now() >= end)
    if (random.once(4)) await guest.checkSubscription()
    // Connects before it leaves: the device releases what an agent holds if the agent stays away for long.
    const frontEnd = FrontEnd.connect(site.path('checked'))
    guest.guest.disconnect()
    // The device answers after it has left the old connection and its rings: only now is used.idx final.
    await frontEnd.features()
    await guest.connect(frontEnd)
  }
}

/** Drivers that connect, subscribe, get notifications, break a rule of the ring and disconnect. */
async function newcomers(site: Site, over: () => boolean): Promise<void> {
  while (!over()) {
    const guest = new Guest()
    try {
      await guest.connect(FrontEnd.connect(site.path('newcomer')))
      guest.driver.postEventBuffers(16, CAPACITY)
      for (const clock of [0, 1, 2, 3]) await guest.send(CLOCK, 0x9, clock, 1)
      await guest.send(CLOCK, 0x7, 6, 1, 0)
      await sleep(50)
      guest.events()
      // A head that no descriptor has.
      guest.driver.cmdq.offer(0xfff0)
      guest.driver.cmdq.publish()
      await guest.frontEnd!.sync()
    } finally {
      guest.close()
    }
    site.newcomers++
    await site.noticed()
  }
}

/** Now and then adds fault rules that delay and duplicate messages, for a while. */
async function rules(site: Site, random: Random, over: () => boolean): Promise<void> {
  const control = await ControlClient.open(site.control)
  try {
    while (!over()) {
      await control.call('addFault', {
        rule: { agent: 'newcomer', message: 'CLOCK_CONFIG_SET', delay: '2 ms', times: 9 },
      })
      await control.call('addFault', {
        rule: { agent: 'newcomer', on: 'notification', message: 'CLOCK_RATE_CHANGED', duplicate: 1 },
      })
      await sleep(20)
      await control.call('clearFaults', undefined)
      await control.call('getStats', undefined)
      for (let waited = 0; waited < 500 + random.below(1000) && !over(); waited += 50) await sleep(50)
    }
  } finally {
    control.close()
  }
}

/** The back end, and the paths of its sockets. */
class Site {
  /** Drivers that came and went. */
  newcomers = 0
  readonly control: string
  readonly #folder: string
  readonly #backEnd: BackEnd

  constructor(folder: string) {
    this.#folder = folder
    this.control = join(folder, 'control.sock')
    writeFileSync(join(folder, 'platform.yaml'), PLATFORM)
    const agents = AGENTS.flatMap(name => ['--agent', `${name}=${this.path(name)}`])
    this.#backEnd = new BackEnd([...agents, '--platform', 'platform.yaml', '--control', this.control], folder)
  }

  async ready(): Promise<void> {
    await this.#backEnd.ready()
  }

  /** Waits until the back end logs that the last newcomer broke a rule. */
  async noticed(): Promise<void> {
    const { complaints } = this.#backEnd
    await this.#backEnd.until(() => complaints.some(isExpected), 'the broken ring to be noticed')
    complaints.splice(complaints.findIndex(isExpected), 1)
  }

  path(agent: AgentName): string {
    return join(this.#folder, `${agent}.sock`)
  }

  sample(): Sample {
    const { pid } = this.#backEnd
    return { residentKb: residentKb(pid), descriptors: readdirSync(`/proc/${pid}/fd`).length }
  }

  /** Returns the failures. */
  close(): Promise<string[]> {
    return this.#backEnd.close()
  }
}

const isExpected = (line: string): boolean => line.includes('newcomer') && line.includes('broke a rule')
