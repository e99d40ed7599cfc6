/**
 * Guests that flood the device with the most expensive commands, beside one that reads a clock: that one must get at least a
 * share of the replies that it gets beside a guest that only reads clocks.
 *
 * All three are processes of their own, as they are for users: the device, what floods it, and the other guest, which sleeps
 * until it is answered (`scmi_bench`, the front end of the benchmark). Both guests share a core and leave the device another,
 * so that the scheduler does not decide who waits for the device. The two cases are measured in turn, and medians over the
 * rounds count. Where this process may, it puts all of them before whatever else the machine does.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ControlClient } from '../../src/access/control/client.js'
import { measure } from '../../src/bench/front-end.js'
import { median } from '../../src/bench/statistics.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { packHeader } from '../../src/wire/header.js'
import { RunningCommand } from '../cli/command.js'
import { Guest } from '../driver/guest.js'
import { startStorm } from '../driver/storm.js'
import { CLOCK_READER } from '../support/clock-reader.js'
import { platformOf, postEventBuffers } from './site.js'

const [BASE, POWER, PERF, CLOCK, SENSOR] = [0x10, 0x11, 0x13, 0x14, 0x15]
const ON = 0
const OFF = 0x4000_0000

type Command = readonly number[]
const command = (protocol: number, id: number, ...words: number[]): Command => [
  packHeader(protocol, id, 0, 0),
  ...words,
]
const READ_CLOCK = [command(CLOCK, 0x6, 0)]
const reset = (permissions: number) => command(BASE, 0xb, 1, permissions)
const allow = (allowed: number) => command(BASE, 0x9, 1, 0, allowed)

interface Flood {
  name: string
  commands: Command[]
  /** Size of the reply buffers. */
  room?: number
}

/** The most expensive commands on `large`, and floods of cheap ones. */
const FLOODS: Flood[] = [
  { name: 'resets of its configuration', commands: [reset(0)] },
  { name: 'resets of its configuration and permissions', commands: [reset(1)] },
  { name: 'a vote and a reset, in turn', commands: [command(CLOCK, 0x7, 4, 1, 0), reset(0)] },
  {
    name: 'votes for everything, then a reset',
    commands: [...range(255, id => command(CLOCK, 0x7, id, 1, 0)), reset(0)],
  },
  { name: 'permissions of a device, denied and granted', commands: [allow(0), allow(1)] },
  { name: 'permissions denied, and reset', commands: [allow(0), reset(1)] },
  { name: 'descriptions of sensors into large buffers', commands: [command(SENSOR, 0x3, 0)], room: 1 << 16 },
  { name: 'readings', commands: range(40, id => command(SENSOR, 0x6, id, 0)) },
  { name: 'asynchronous readings', commands: range(40, id => command(SENSOR, 0x6, id, 1)) },
  { name: 'rates that change', commands: [command(CLOCK, 0x5, 0, 1, 24e6, 0), command(CLOCK, 0x5, 0, 1, 48e6, 0)] },
  { name: 'states of power domains', commands: [command(POWER, 0x4, 0, 3, ON), command(POWER, 0x4, 0, 3, OFF)] },
  { name: 'levels and limits', commands: [command(PERF, 0x7, 0, 408), command(PERF, 0x7, 0, 1200)] },
  { name: 'subscriptions, made and ended', commands: [command(CLOCK, 0x9, 1, 1), command(CLOCK, 0x9, 1, 0)] },
  { name: 'versions', commands: [command(CLOCK, 0x10, 0x20000), command(CLOCK, 0x10, 0x30000)] },
  { name: 'lists of protocols', commands: [command(BASE, 0x6, 0), command(BASE, 0x1)] },
  { name: 'unknown messages, and malformed ones', commands: [command(CLOCK, 0x66), command(CLOCK, 0x5, 1)] },
  {
    name: 'expensive commands after many cheap ones',
    commands: [...range(192, () => READ_CLOCK[0]!), ...range(64, i => allow(i % 2))],
  },
]

function range<T>(count: number, at: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => at(i))
}

const RING = 256
/** Of the rate beside a guest that only reads a clock. */
const SHARE = 0.4
/** Of its latencies. */
const P99_MS = 3
/** If their medians do not suffice after the first rounds, more follow. */
const ROUNDS = 3
const ROUNDS_MAX = 21
const TIMING = { warmupMs: 10, measureMs: 50 }
const FIRST = -20

/** Puts this thread on these cores, and what it starts from now on. */
const runOn = (cores: string): void =>
  void execFileSync('taskset', ['--pid', '--cpu-list', cores, `${process.pid}`], { stdio: 'ignore' })

/** The device as its user starts it. */
class Device {
  readonly folder = mkdtempSync(join(tmpdir(), 'scmi-fairness-'))
  readonly #command: RunningCommand
  /** The flood's changes are notified to this guest, which soon has no more buffers for them. */
  readonly #listener = new Guest()

  constructor(preset: Parameters<typeof platformOf>[0]) {
    const platform = join(this.folder, 'platform.yaml')
    writeFileSync(platform, platformOf(preset, true, ['listener']))
    const agents = ['hostile', 'bystander', 'listener'].flatMap(name => ['--agent', `${name}=${this.path(name)}`])
    const options = ['--platform', platform, '--control', this.path('control'), '--log-level', 'error']
    this.#command = new RunningCommand([...agents, ...options])
  }

  path(name: string): string {
    return join(this.folder, `${name}.sock`)
  }

  async ready(): Promise<void> {
    await this.#command.said(/ready: /)
    await this.#listener.connect(FrontEnd.connect(this.path('listener')))
    postEventBuffers(this.#listener)
    for (const notify of [0x9, 0xa]) expect(await this.#listener.send(CLOCK, notify, 1, 1)).toEqual([0])
  }

  async close(): Promise<void> {
    this.#listener.close()
    await this.#command.stop()
    rmSync(this.folder, { recursive: true })
  }

  /** Undoes what former floods left behind. */
  async reset(): Promise<void> {
    const guest = new Guest()
    await guest.connect(FrontEnd.connect(this.path('hostile')))
    expect(await guest.send(BASE, 0xb, 1, 1)).toEqual([0])
    guest.close()
  }

  /** What the bystander gets while the hostile guest sends these. */
  async beside({ commands, room }: Omit<Flood, 'name'>): Promise<{ rate: number; p99Ms: number }> {
    const guest = new Guest({ size: RING, form: 'indirect', memory: [{ guest: 0x4000_0000, size: 32 << 20 }] })
    await guest.connect(FrontEnd.connect(this.path('hostile')))
    const stop = startStorm(guest, commands, room)
    const { cmdq } = guest.driver
    const floods = async (): Promise<void> => {
      const before = cmdq.usedIdx
      await until(() => cmdq.usedIdx !== before, 'the flood to go on')
    }
    try {
      await floods()
      const { messages, elapsedNs, latencyNs } = await measure([this.path('bystander')], CLOCK_READER, TIMING)
      await floods()
      return { rate: (messages / elapsedNs) * 1e9, p99Ms: latencyNs.p99 / 1e6 }
    } finally {
      stop()
      guest.close()
    }
  }

  /** Errors of the device, and rules broken by its guests. */
  async faults(): Promise<number[][]> {
    const client = await ControlClient.open(this.path('control'))
    try {
      const { agents } = await client.call('getStats', undefined)
      return agents.map(({ internal_errors, ring_faults }) => [internal_errors, ring_faults])
    } finally {
      client.close()
    }
  }
}

describe.each(['everything', 'large'] as const)(
  'on %s, a guest that reads a clock goes on beside a flood of',
  preset => {
    let device: Device
    const priority = getPriority()
    const cores = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!
    beforeAll(async () => {
      try {
        // Those whom this process starts inherit it.
        setPriority(FIRST)
      } catch (error) {
        // Ordinary users may not.
        expect((error as NodeJS.ErrnoException).code).toBe('ERR_SYSTEM_ERROR')
      }
      device = new Device(preset)
      await device.ready()
      // The guests, not the device.
      runOn(/^\d+/.exec(cores)![0])
      // The first time, code runs that is not compiled yet.
      for (const flood of FLOODS) await device.beside(flood)
    }, 60_000)
    afterAll(async () => {
      await device.close()
      runOn(cores)
      setPriority(priority)
    })

    it.each(FLOODS)('$name', { timeout: 120_000 }, async flood => {
      await device.reset()
      const shares: number[] = []
      const p99s: number[] = []
      const suffices = () => median(shares) >= SHARE && median(p99s) <= P99_MS
      while (shares.length < ROUNDS || (!suffices() && shares.length < ROUNDS_MAX)) {
        const calm = await device.beside({ commands: READ_CLOCK })
        const flooded = await device.beside(flood)
        shares.push(flooded.rate / calm.rate)
        p99s.push(flooded.p99Ms)
      }
      expect(median(shares), `shares ${shares}`).toBeGreaterThanOrEqual(SHARE)
      expect(median(p99s), `p99 ${p99s} ms`).toBeLessThanOrEqual(P99_MS)
      expect(await device.faults()).toEqual(new Array(3).fill([0, 0]))
    })
  },
)
