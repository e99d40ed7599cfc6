/**
 * A kept state and fault rules together. A process dies after it has written a batch to its file and before the guest has the
 * replies; the guest sends the batch once more, to a process that has other rules. What was carried out is not carried out
 * again: it gets its stored reply, which the rules of the new process edit as they would a new one. What a rule kept from
 * being carried out is carried out now.
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FaultRule } from '../../src/faults/rule.js'
import type { Message } from '../../src/front-end/driver.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT } from '../../src/front-end/memory.js'
import { until } from '../../src/front-end/wait.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { resets } from '../../src/platform/resets/index.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { packHeader } from '../../src/wire/header.js'
import { DENIED, SUCCESS } from '../../src/wire/status.js'
import { inFolder } from '../cli/command.js'
import { CAPACITY, Guest } from '../driver/guest.js'

const MEMORY_BYTES = 1 << 18
const PLATFORM = `
vendor: test
clocks: [{ name: a, rates: [1 MHz, 2 MHz, 3 MHz] }, { name: b, rate: 1 MHz }]
resets: [{ name: r }]
`
const MHZ = 1_000_000
const CLOCK = 0x14
const RATE_SET = 0x5
const RATE_GET = 0x6
const CONFIG_SET = 0x7
const RESET = 0x16
const RESET_COMMAND = 0x4

/** A command with the words of its reply after the header. */
interface Step {
  name: 'reset' | 'set' | 'get' | 'set again' | 'enable'
  header: [protocol: number, id: number]
  words: number[]
  reply: number[]
}
const STEPS: Step[] = [
  { name: 'reset', header: [RESET, RESET_COMMAND], words: [0, 1, 0], reply: [SUCCESS] },
  { name: 'set', header: [CLOCK, RATE_SET], words: [0, 0, 2 * MHZ, 0], reply: [SUCCESS] },
  { name: 'get', header: [CLOCK, RATE_GET], words: [0], reply: [SUCCESS, 2 * MHZ, 0] },
  { name: 'set again', header: [CLOCK, RATE_SET], words: [0, 0, 3 * MHZ, 0], reply: [SUCCESS] },
  { name: 'enable', header: [CLOCK, CONFIG_SET], words: [1, 1, 0], reply: [SUCCESS] },
]
const HEADERS = STEPS.map(({ header: [protocol, id] }, i) => packHeader(protocol, id, 0, i))

/** Messages before the steps: a driver that has had no answer begins anew after a crash, and batches are short at first. */
const BEFORE = 8

/** A guest that has posted those, and then all steps. */
class ResendingGuest {
  readonly guest = new Guest({ memory: [{ guest: FLAT.guest, size: MEMORY_BYTES }], size: 64 })
  readonly #messages: Message[]

  constructor() {
    const post = (header: number, words: number[]): Message =>
      this.guest.driver.post(new Uint8Array(Uint32Array.of(header, ...words).buffer), CAPACITY)
    for (let i = 0; i < BEFORE; i++) post(packHeader(0x10, 0, 0, 0), [])
    this.#messages = STEPS.map(({ words }, i) => post(HEADERS[i]!, words))
  }

  /** By a front end that keeps its rings. */
  async connect({ endpoints }: Server): Promise<void> {
    const { driver } = this.guest
    this.guest.frontEnd = FrontEnd.connect((endpoints[0] as { socketPath: string }).socketPath)
    await this.guest.start(this.guest.frontEnd, 0n, [driver.cmdq.usedIdx, 0])
  }

  async answersTo(count: number): Promise<void> {
    const { cmdq } = this.guest.driver
    cmdq.storeIdx(count)
    cmdq.kickNow()
    await until(() => cmdq.usedIdx === count, `${count} answers`)
  }

  /** Replies to the steps from the `first` on, by name. */
  repliesFrom(first: number): Record<string, number[]> {
    const { cmdq } = this.guest.driver
    const replies = STEPS.map(({ name }, i): [string, number[]] => {
      const length = cmdq.usedEntries[2 * (i + BEFORE) + 2]!
      const bytes = this.guest.memory.read(this.#messages[i]!.reply.at, length)
      const [header, ...words] = new Int32Array(bytes.slice().buffer)
      expect(header).toBe(HEADERS[i])
      return [name, words]
    })
    return Object.fromEntries(replies.slice(first))
  }
}

interface Outcome {
  /** What the guest got after the crash. */
  replies: Record<string, number[]>
  /** Steps that had been answered before. */
  answered: number
  resetsInFirst: number
  resetsInNext: number
  rateHz: number
  isEnabled: boolean
}

/** Lets a process die at each of its writes that has something of the steps, and the next one take over. */
async function crashes(folder: string, rules: { first: FaultRule[]; next: FaultRule[] }): Promise<Outcome[]> {
  let issued = 0
  const start = async (name: string, state: string, faults: FaultRule[]): Promise<Server> => {
    const endpoint = { socketPath: join(folder, name) }
    const server = await serve({ platform: { text: PLATFORM }, endpoint, state, faults })
    server.platform.model(resets).on('issued', () => issued++)
    return server
  }
  const state = join(folder, 'state')
  const pictures: { memory: Uint8Array; state: string; issued: number }[] = []
  const server = await start('first', state, rules.first)
  const resending = new ResendingGuest()
  await resending.connect(server)
  for (let i = 1; i <= BEFORE; i++) await resending.answersTo(i)
  const { keeper } = server
  const commit = keeper!.commit.bind(keeper)
  keeper!.commit = () => {
    commit()
    const copy = join(folder, `state-${pictures.length}`)
    copyFileSync(state, copy)
    pictures.push({ memory: resending.guest.memory.read(FLAT.guest, MEMORY_BYTES).slice(), state: copy, issued })
  }
  await resending.answersTo(BEFORE + STEPS.length)
  keeper!.commit = commit
  resending.guest.close()
  server.close()

  const outcomes: Outcome[] = []
  for (const [i, picture] of pictures.entries()) {
    issued = 0
    const next = await start(`next-${i}`, picture.state, rules.next)
    const again = new ResendingGuest()
    again.guest.memory.write(FLAT.guest, picture.memory)
    const answered = again.guest.driver.cmdq.usedIdx - BEFORE
    await again.connect(next)
    await again.answersTo(BEFORE + STEPS.length)
    const [a, b] = next.platform.model(clocks).list
    outcomes.push({
      replies: again.repliesFrom(answered),
      answered,
      resetsInFirst: picture.issued,
      resetsInNext: issued,
      rateHz: a!.rateHz,
      isEnabled: b!.enabled,
    })
    again.guest.close()
    next.close()
  }
  return outcomes
}

const TRUE_REPLIES = Object.fromEntries(STEPS.map(({ name, reply }) => [name, reply]))

describe('after a crash', () => {
  it('a message that was carried out gets its stored reply, edited by the rules of now', () =>
    inFolder(async folder => {
      const next: FaultRule[] = [
        { message: 'RESET', status: 'DENIED', execute: true },
        { message: 'CLOCK_RATE_GET', words: { 3: 7 } },
      ]
      const outcomes = await crashes(folder, { first: [], next })
      expect(outcomes.length).toBeGreaterThan(0)
      for (const { replies, answered, resetsInFirst, resetsInNext, rateHz } of outcomes) {
        expect([resetsInFirst, resetsInNext]).toEqual([1, 0])
        const edited = { ...TRUE_REPLIES, reset: [DENIED], get: [SUCCESS, 2 * MHZ, 7] }
        expect(replies).toEqual(Object.fromEntries(Object.entries(edited).slice(answered)))
        expect(rateHz).toBe(3 * MHZ)
      }
    }))

  it('a message whose reply a rule had edited gets the reply as it was before, and is not carried out again', () =>
    inFolder(async folder => {
      const first: FaultRule[] = [
        { message: 'RESET', status: 'DENIED', execute: true },
        { message: 'CLOCK_RATE_GET', words: { 3: 7 } },
      ]
      const outcomes = await crashes(folder, { first, next: [] })
      expect(outcomes.length).toBeGreaterThan(0)
      for (const { replies, answered, resetsInFirst, resetsInNext } of outcomes) {
        expect([resetsInFirst, resetsInNext]).toEqual([1, 0])
        expect(replies).toEqual(Object.fromEntries(Object.entries(TRUE_REPLIES).slice(answered)))
      }
    }))

  it('a message that a rule kept from being carried out is carried out', () =>
    inFolder(async folder => {
      const first: FaultRule[] = [
        { message: 'RESET', status: 'BUSY' },
        { message: 'CLOCK_CONFIG_SET', status: 'BUSY' },
      ]
      // On a busy machine the device may answer the first steps by themselves: the guest then knows of the refusal.
      let whole: Outcome[] = []
      for (let attempt = 0; whole.length === 0 && attempt < 5; attempt++) {
        const own = join(folder, `${attempt}`)
        mkdirSync(own)
        const outcomes = await crashes(own, { first, next: [] })
        whole = outcomes.filter(({ answered }) => answered === 0)
      }
      expect(whole.length).toBeGreaterThan(0)
      for (const { replies, resetsInFirst, resetsInNext, isEnabled } of whole) {
        expect([resetsInFirst, resetsInNext]).toEqual([0, 1])
        expect(replies).toEqual(TRUE_REPLIES)
        expect(isEnabled).toBe(true)
      }
    }))
})
