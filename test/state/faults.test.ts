/**
 * State file and fault rules together. A process dies after it has written a batch to its file, before the guest has the
 * replies; the guest resends the batch to a process with other rules. Commands already executed get their stored reply,
 * edited by the new process's rules. Commands that a rule kept from being executed are executed now.
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FaultRule } from '../../src/faults/rules/rule.js'
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

/** Messages before the steps: a driver without a reply starts over after a crash, and the first batches are short. */
const BEFORE = 8

/** A guest that has posted these messages and all steps. */
class ResendingGuest {
  readonly guest = new Guest({ memory: [{ guest: FLAT.guest, size: MEMORY_BYTES }], size: 64 })
  readonly #messages: Message[]

  constructor() {
    const post = (header: number, words: number[]): Message =>
      this.guest.driver.post(new Uint8Array(Uint32Array.of(header, ...words).buffer), CAPACITY)
    for (let i = 0; i < BEFORE; i++) post(packHeader(0x10, 0, 0, 0), [])
    this.#messages = STEPS.map(({ words }, i) => post(HEADERS[i]!, words))
  }

  /** Connects a new front end to the rings as they are. */
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
  /** Replies that the guest got after the crash. */
  replies: Record<string, number[]>
  /** Number of steps that had a reply before. */
  answered: number
  resetsInFirst: number
  resetsInNext: number
  rateHz: number
  isEnabled: boolean
}

/** For each write of the process during the steps: lets it die after the write, and another process take over. */
async function crashes(folder: string, rules: { first: FaultRule[]; next: FaultRule[] }): Promise<Outcome[]> {
  let issued = 0
  const start = async (name: string, state: string, faults: FaultRule[]): Promise<Server> => {
    const endpoint = { socketPath: join(folder, name) }
    const server = await serve({ platform: { text: PLATFORM }, endpoint, state, faults })
    server.platform.model(resets).on('issued', () => issued++)
    return server
  }
  const state = join(folder, 'state')
  const snapshots: { memory: Uint8Array; state: string; issued: number }[] = []
  const server = await start('first', state, rules.first)
  const resending = new ResendingGuest()
  await resending.connect(server)
  for (let i = 1; i <= BEFORE; i++) await resending.answersTo(i)
  const { keeper } = server
  const commit = keeper!.commit.bind(keeper)
  keeper!.commit = () => {
    commit()
    const copy = join(folder, `state-${snapshots.length}`)
    copyFileSync(state, copy)
    snapshots.push({ memory: resending.guest.memory.read(FLAT.guest, MEMORY_BYTES).slice(), state: copy, issued })
  }
  await resending.answersTo(BEFORE + STEPS.length)
  keeper!.commit = commit
  resending.guest.close()
  server.close()

  const outcomes: Outcome[] = []
  for (const [i, snapshot] of snapshots.entries()) {
    issued = 0
    const next = await start(`next-${i}`, snapshot.state, rules.next)
    const again = new ResendingGuest()
    again.guest.memory.write(FLAT.guest, snapshot.memory)
    const answered = again.guest.driver.cmdq.usedIdx - BEFORE
    await again.connect(next)
    await again.answersTo(BEFORE + STEPS.length)
    const [a, b] = next.platform.model(clocks).list
    outcomes.push({
      replies: again.repliesFrom(answered),
      answered,
      resetsInFirst: snapshot.issued,
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
  it('an executed command gets its stored reply, edited by the current rules', () =>
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

  it('a command whose reply a rule had edited gets the unedited reply, and is not executed again', () =>
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

  it('a command that a rule kept from being executed is executed', () =>
    inFolder(async folder => {
      const first: FaultRule[] = [
        { message: 'RESET', status: 'BUSY' },
        { message: 'CLOCK_CONFIG_SET', status: 'BUSY' },
      ]
      // On a busy machine the device may answer the first steps in a batch of their own; they are not sent again then.
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
