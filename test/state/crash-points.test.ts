/**
 * A process that dies before or after any write to its state file, and its successor. Before and after each write, the test
 * takes a snapshot of the file and of all memory shared with the guest: what the process would have left, had it died then.
 * From each snapshot the successor must give the guest every reply once and every delayed response once.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/front-end/driver.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT } from '../../src/front-end/memory.js'
import { until } from '../../src/front-end/wait.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { resets } from '../../src/platform/resets/index.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { packHeader } from '../../src/wire/header.js'
import { inFolder } from '../cli/command.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { InflightRegion } from '../driver/inflight.js'

const MEMORY_BYTES = 1 << 18
const PLATFORM = `
vendor: test
clocks: [{ name: a, rates: [1 MHz, 2 MHz, 3 MHz], latency: 1 ms }, { name: b, rate: 1 MHz }]
resets: [{ name: r }]
protocols: { clock: { max_pending_async: 4 } }
`

const BASE = 0x10
const CLOCK = 0x14
const RESET = 0x16
const RATE_SET = 0x5
const RATE_GET = 0x6
const CONFIG_SET = 0x7
const RATE_NOTIFY = 0x9
const ASYNC = 1
const MHZ = 1_000_000
const LATENCY_US = 1000

/** A command, and the words of its reply after the header. */
type Step = [protocol: number, id: number, request: number[], reply: number[]]

const STEPS: Step[] = [
  [BASE, 0x0, [], [0, 0x20001]],
  [CLOCK, RATE_GET, [0], [0, MHZ, 0]],
  [CLOCK, RATE_SET, [0, 0, 2 * MHZ, 0], [0]],
  [CLOCK, RATE_GET, [0], [0, 2 * MHZ, 0]],
  [RESET, 0x4, [0, 1, 0], [0]],
  [CLOCK, RATE_NOTIFY, [1, 1], [0]],
  [CLOCK, RATE_SET, [ASYNC, 0, 3 * MHZ, 0], [0]],
  [CLOCK, RATE_GET, [0], [0, 2 * MHZ, 0]],
  [CLOCK, CONFIG_SET, [1, 1, 0], [0]],
]
const LAST: Step[] = [
  [CLOCK, RATE_GET, [0], [0, 3 * MHZ, 0]],
  [CLOCK, RATE_SET, [0, 0, MHZ, 0], [0]],
  [CLOCK, RATE_GET, [0], [0, MHZ, 0]],
]
const DELAYED = packHeader(CLOCK, RATE_SET, 2, 6)

/** Posts all messages before the device sees any: alike on every guest, so that a snapshot of one fits another. */
class Script {
  readonly guest: Guest
  readonly messages: { message: Message; reply: number[] }[] = []
  readonly steps: Step[] = [...STEPS, ...LAST]

  constructor() {
    this.guest = new Guest({ memory: [{ guest: FLAT.guest, size: MEMORY_BYTES }], size: 32 })
    for (const [i, [protocol, id, words, reply]] of this.steps.entries()) {
      const header = packHeader(protocol, id, 0, i)
      const bytes = new Uint8Array(Uint32Array.of(header, ...words).buffer)
      this.messages.push({ message: this.guest.driver.post(bytes, CAPACITY), reply: [header, ...reply] })
    }
    for (let i = 0; i < 4; i++) {
      const writable = [{ at: this.guest.memory.allocate(CAPACITY), length: CAPACITY }]
      this.guest.driver.eventq.post({ readable: [], writable })
    }
    this.guest.driver.eventq.storeIdx(4)
  }

  /** Makes all messages up to the `count`th available. */
  offer(count: number): void {
    this.guest.driver.cmdq.storeIdx(count)
    this.guest.driver.cmdq.kickNow()
  }

  /** Checks the replies so far, and their order. */
  check(): void {
    const { cmdq } = this.guest.driver
    for (let i = 0; i < cmdq.usedIdx; i++) {
      const { message, reply } = this.messages[i]!
      const [head, length] = cmdq.usedEntries.subarray(1 + 2 * i)
      const bytes = this.guest.memory.read(message.reply.at, length!)
      const words = [...new Uint32Array(bytes.slice().buffer)]
      expect({ i, head, words }).toEqual({ i, head: message.head, words: reply })
    }
  }

  /** Headers of the events that have arrived. */
  events(): number[] {
    const { eventq } = this.guest.driver
    return Array.from({ length: eventq.usedIdx }, (_, i) => {
      const head = eventq.usedEntries[1 + 2 * i]!
      const at = Number(
        new DataView(this.guest.memory.read(eventq.at.descriptors + 16 * head, 8).slice().buffer).getBigUint64(0, true),
      )
      return new DataView(this.guest.memory.read(at, 4).slice().buffer).getUint32(0, true)
    })
  }
}

interface Snapshot {
  memory: Uint8Array
  inflight: Uint8Array | undefined
  state: string
  offered: number
  /** Number of resets that the file accounts for. */
  resets: number
}

describe.each([{ tracked: false }, { tracked: true }])('inflight region: $tracked', ({ tracked }) => {
  it('a guest gets every reply and every delayed response once, wherever its back end dies', () =>
    inFolder(async folder => {
      const snapshots: Snapshot[] = []
      let offered = 0
      let resetsIssued = 0
      // A reset that is not written to the file yet is lost with the process.
      let resetsKept = 0
      // Time of the running process: delayed operations end only when the test advances it, after all replies.
      let time: VirtualTime
      const start = async (state: string, socketPath: string): Promise<Server> => {
        time = new VirtualTime()
        const server = await serve({ platform: { text: PLATFORM }, endpoint: { socketPath }, state, time })
        server.platform.model(resets).on('issued', () => resetsIssued++)
        return server
      }
      const connect = async (
        server: Server,
        script: Script,
        region?: Uint8Array,
      ): Promise<InflightRegion | undefined> => {
        const frontEnd = FrontEnd.connect((server.endpoints[0] as { socketPath: string }).socketPath)
        let inflight: InflightRegion | undefined
        if (tracked) {
          inflight = region ? InflightRegion.copy(region, 2, 32) : await InflightRegion.get(frontEnd, 2, 32)
          expect(await inflight.set(frontEnd)).toBe(0n)
        }
        const { driver } = script.guest
        script.guest.frontEnd = frontEnd
        await script.guest.start(frontEnd, 0n, [driver.cmdq.usedIdx, driver.eventq.usedIdx])
        return inflight
      }

      const script = new Script()
      const state = join(folder, 'state')
      const server = await start(state, join(folder, 'first'))
      const inflight = await connect(server, script)
      const commit = server.keeper!.commit.bind(server.keeper)
      const { memory } = script.guest
      const snapshot = (): void => {
        const copy = join(folder, `state-${snapshots.length}`)
        copyFileSync(state, copy)
        const bytes = memory.read(FLAT.guest, MEMORY_BYTES).slice()
        snapshots.push({ memory: bytes, inflight: inflight?.snapshot(), state: copy, offered, resets: resetsKept })
      }
      server.keeper!.commit = () => {
        snapshot()
        commit()
        resetsKept = resetsIssued
        snapshot()
      }
      const offer = async (count: number): Promise<void> => {
        offered = count
        script.offer(count)
        await until(() => script.guest.driver.cmdq.usedIdx === count, 'the answers')
      }
      // A driver that never got a reply starts over after a crash, so it gets one first.
      await offer(1)
      await offer(STEPS.length)
      time!.advance(LATENCY_US)
      await until(() => script.events().length === 1, 'the delayed response')
      await offer(script.steps.length)
      script.check()
      expect(script.events()).toEqual([DELAYED])
      expect(resetsIssued).toBe(1)
      server.keeper!.commit = commit
      script.guest.close()
      inflight?.close()
      server.close()
      // Writes: the first batch, the timer, before and after the delayed response, the last batch.
      expect(snapshots.length).toBeGreaterThanOrEqual(10)

      for (const [i, left] of snapshots.entries()) {
        resetsIssued = left.resets
        const next = new Script()
        next.guest.memory.write(FLAT.guest, left.memory)
        const { cmdq } = next.guest.driver
        const answered = cmdq.usedIdx
        const server = await start(left.state, join(folder, `next-${i}`))
        const inflight = await connect(server, next, left.inflight)
        if (left.offered < STEPS.length) next.offer(STEPS.length)
        await until(
          () => cmdq.usedIdx >= STEPS.length,
          () => `snapshot ${i}: ${cmdq.usedIdx} answers, ${answered} before`,
        )
        time!.advance(LATENCY_US)
        await until(() => next.events().length > 0, `snapshot ${i}: the delayed response`)
        next.offer(next.steps.length)
        await until(() => cmdq.usedIdx === next.steps.length, `snapshot ${i}: all answers`)
        // A second delayed response would have arrived after this.
        await next.guest.frontEnd!.sync()
        next.check()
        expect(next.events(), `snapshot ${i}`).toEqual([DELAYED])
        expect(resetsIssued, `snapshot ${i}: resets`).toBe(1)
        const [a, b] = server.platform.model(clocks).list
        expect([a!.rateHz, b!.enabled]).toEqual([MHZ, true])
        next.guest.close()
        inflight?.close()
        server.close()
      }
    }))
})
