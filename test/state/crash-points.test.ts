/**
 * A process that dies around each write to its state file, and the one that comes after it. Pictures of all memory that the
 * two share with the guest, and of the file, before and after each write are what the first would have left, had it died
 * there. From each of them the guest must get every answer that it would have got, once, and every delayed response, once.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/front-end/driver.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT } from '../../src/front-end/memory.js'
import { until } from '../../src/front-end/wait.js'
import { clocks } from '../../src/platform/clocks/index.js'
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

/** Posts everything without a word to the device: the same on every guest, so that pictures of one fit another. */
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

  /** Every message up to here is answered as it should be, in order. */
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

interface Picture {
  memory: Uint8Array
  inflight: Uint8Array | undefined
  state: string
  offered: number
  /** How often the domain was reset, as the file says. */
  resets: number
}

describe.each([{ tracked: false }, { tracked: true }])('inflight region: $tracked', ({ tracked }) => {
  it('a guest gets every answer and every delayed response once, wherever its back end dies', () =>
    inFolder(async folder => {
      const pictures: Picture[] = []
      let offered = 0
      let resetsIssued = 0
      // What was done before it was written is undone with the process.
      let resetsKept = 0
      const start = async (state: string, socketPath: string): Promise<Server> => {
        const server = await serve({ platform: { text: PLATFORM }, endpoint: { socketPath }, state })
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
      const picture = (): void => {
        const copy = join(folder, `state-${pictures.length}`)
        copyFileSync(state, copy)
        const bytes = memory.read(FLAT.guest, MEMORY_BYTES).slice()
        pictures.push({ memory: bytes, inflight: inflight?.snapshot(), state: copy, offered, resets: resetsKept })
      }
      server.keeper!.commit = () => {
        picture()
        commit()
        resetsKept = resetsIssued
        picture()
      }
      const offer = async (count: number): Promise<void> => {
        offered = count
        script.offer(count)
        await until(() => script.guest.driver.cmdq.usedIdx === count, 'the answers')
      }
      // A driver that has never had an answer begins anew after a crash: so it has one.
      await offer(1)
      await offer(STEPS.length)
      await until(() => script.events().length === 1, 'the delayed response')
      await offer(script.steps.length)
      script.check()
      expect(script.events()).toEqual([DELAYED])
      expect(resetsIssued).toBe(1)
      server.keeper!.commit = commit
      script.guest.close()
      inflight?.close()
      server.close()
      // Each write: of the first batch, of the timer, around the delayed response, of the last batch.
      expect(pictures.length).toBeGreaterThanOrEqual(10)

      for (const [i, left] of pictures.entries()) {
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
          () => `picture ${i}: ${cmdq.usedIdx} answers, ${answered} before`,
        )
        await until(() => next.events().length > 0, `picture ${i}: the delayed response`)
        next.offer(next.steps.length)
        await until(() => cmdq.usedIdx === next.steps.length, `picture ${i}: all answers`)
        // A second delayed response would come now.
        await next.guest.frontEnd!.sync()
        next.check()
        expect(next.events(), `picture ${i}`).toEqual([DELAYED])
        expect(resetsIssued, `picture ${i}: resets`).toBe(1)
        const [a, b] = server.platform.model(clocks).list
        expect([a!.rateHz, b!.enabled]).toEqual([MHZ, true])
        next.guest.close()
        inflight?.close()
        server.close()
      }
    }))
})
