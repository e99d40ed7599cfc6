/**
 * Requests and replies that share memory, as in FreeBSD's driver, which gives both descriptors one address: whoever reads
 * the request, at any time, sees it as it was before the reply was written. FUZZ_SEED repeats a failure.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MESSAGE_MAX } from '../../src/device/native.js'
import { type Driver, POISON, split } from '../../src/front-end/driver.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT, type GuestMemory } from '../../src/front-end/memory.js'
import type { Form, Piece } from '../../src/front-end/queue.js'
import { turns, until } from '../../src/front-end/wait.js'
import { MessageDecoder, messageText } from '../../src/observe/messages.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { serve } from '../../src/server/serve.js'
import { packHeader } from '../../src/wire/header.js'
import { inFolder } from '../cli/command.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { Random } from '../driver/random.js'
import { pattern, reversed, socketPath, started } from './rig.js'

const FORMS: Form[] = ['direct', 'indirect']
const CLOCK = 0x14
const RATE_SET = 0x5
const RATE_GET = 0x6
const ROUND_UP = 1 << 2
const MHZ = 1_000_000
/** A second region of the same file, from its start. */
const ALIAS = { guest: 0x8000_0000, size: FLAT.size, offset: 0 }

interface Shared {
  memory: GuestMemory
  driver: Driver
}

/** Posts a chain with these pieces; where they overlap, memory has the request. */
function post({ memory, driver }: Shared, bytes: Uint8Array, readable: Piece[], writable: Piece[], form: Form): number {
  for (const { at, length } of writable) memory.fill(at, length, POISON)
  let done = 0
  for (const { at, length } of readable) {
    memory.write(at, bytes.subarray(done, done + length))
    done += length
  }
  return driver.cmdq.post({ readable, writable, form })
}

/** The bytes of the reply that the device says it has written. */
async function exchange(shared: Shared, bytes: Uint8Array, readable: Piece[], writable: Piece[], form: Form) {
  const head = post(shared, bytes, readable, writable, form)
  shared.driver.cmdq.publish()
  const [used] = await shared.driver.cmdq.collect(1)
  expect(used!.head).toBe(head)
  const reply = writable.flatMap(({ at, length }) => [...shared.memory.read(at, length)])
  return Uint8Array.from(reply).subarray(0, used!.length)
}

/** Start and length of request and reply, and how they are split. */
const SHAPES = [
  { name: 'equal', request: [0, 64], reply: [0, 64] },
  { name: 'the reply begins within the request', request: [0, 64], reply: [20, 64] },
  { name: 'the request begins within the reply', request: [20, 64], reply: [0, 64] },
  { name: 'one byte in common', request: [0, 64], reply: [63, 64] },
  { name: 'the request lies within the reply', request: [24, 16], reply: [0, 64] },
  { name: 'the reply lies within the request', request: [0, 64], reply: [24, 16] },
  { name: 'next to each other', request: [0, 64], reply: [64, 64] },
  { name: 'the request is split', request: [0, 64], reply: [0, 64], readable: [4, 40, 20] },
  { name: 'the reply is split', request: [0, 64], reply: [8, 64], writable: [4, 40, 20] },
  { name: 'both are split', request: [8, 64], reply: [0, 64], readable: [30, 34], writable: [4, 40, 20] },
  { name: 'more than a message', request: [0, 5000], reply: [16, 5000] },
] as { name: string; request: [number, number]; reply: [number, number]; readable?: number[]; writable?: number[] }[]

const at = (base: number, [offset, length]: [number, number]): Piece => ({ at: base + offset, length })

describe.each(FORMS)('a request and a reply that share bytes, %s', form => {
  it.each(SHAPES)('$name', async ({ request, reply, readable, writable }) => {
    const rig = await started({ form })
    const base = rig.memory.allocate(8192)
    const bytes = pattern(request[1])
    const room = Math.min(reply[1], MESSAGE_MAX)
    for (let i = 0; i < 3; i++) {
      const pieces = [split(at(base, request), readable), split(at(base, reply), writable)] as const
      const answer = await exchange(rig, bytes, ...pieces, form)
      expect(answer).toEqual(reversed(bytes.subarray(0, MESSAGE_MAX)).subarray(0, room))
    }
  })

  it.each(SHAPES)(
    '$name, through two regions that show the same file',
    async ({ request, reply, readable, writable }) => {
      const rig = await started({ form, memory: [FLAT, ALIAS] })
      const base = rig.memory.allocate(8192)
      const bytes = pattern(request[1])
      const room = Math.min(reply[1], MESSAGE_MAX)
      const pieces = [
        split(at(base, request), readable),
        split(at(base - FLAT.guest + ALIAS.guest, reply), writable),
      ] as const
      const answer = await exchange(rig, bytes, ...pieces, form)
      expect(answer).toEqual(reversed(bytes.subarray(0, MESSAGE_MAX)).subarray(0, room))
    },
  )
})

it('random chains of pieces that share bytes are answered as if the request had been copied first', async () => {
  const random = new Random()
  console.info(`overlaps: FUZZ_SEED=${random.seed}`)
  const SPACE = 256
  const rig = await started({ size: 64, form: 'indirect', memory: random.once(2) ? [FLAT] : [FLAT, ALIAS] })
  const aliased = rig.memory.regions.length > 1
  /** Pieces that do not overlap each other: a readable byte in two pieces would be ambiguous. */
  const pieces = (base: number): Piece[] => {
    const cuts = [...new Set(Array.from({ length: 2 * (1 + random.below(4)) }, () => random.below(SPACE)))].sort(
      (a, b) => a - b,
    )
    const some: Piece[] = []
    for (let i = 0; i + 1 < cuts.length; i += 2) some.push({ at: base + cuts[i]!, length: cuts[i + 1]! - cuts[i]! })
    return random.once(2) ? some : some.reverse()
  }
  for (let round = 0; round < 300; round++) {
    const posted: { head: number; bytes: Uint8Array; writable: Piece[] }[] = []
    const base = rig.memory.allocate(8 * SPACE)
    for (let i = 0; i < 8; i++) {
      const readable = pieces(base + i * SPACE)
      const writable = pieces(base + i * SPACE + (aliased && random.once(2) ? ALIAS.guest - FLAT.guest : 0))
      const bytes = random.bytes(readable.reduce((sum, { length }) => sum + length, 0))
      const head = post(rig, bytes, readable, writable, random.pick(FORMS))
      posted.push({ head, bytes, writable })
    }
    rig.driver.cmdq.publish()
    const used = await rig.driver.cmdq.collect(8)
    for (const [i, { head, bytes, writable }] of posted.entries()) {
      const room = writable.reduce((sum, { length }) => sum + length, 0)
      const expected = reversed(bytes).subarray(0, room)
      expect(used[i], `round ${round}`).toEqual({ head, length: expected.length })
      const reply = Uint8Array.from(writable.flatMap(({ at, length }) => [...rig.memory.read(at, length)]))
      expect(reply.subarray(0, expected.length), `round ${round}, seed ${random.seed}`).toEqual(expected)
    }
    if (round % 100 === 99) rig.memory.allocateFrom(FLAT.guest + (2 << 20))
  }
})

/** Sends a request whose reply buffer has the same address. */
function sendInPlace(guest: Guest, form: Form, ...words: number[]): number {
  const bytes = new Uint8Array(Uint32Array.from(words).buffer)
  const buffer = guest.memory.allocate(CAPACITY)
  guest.memory.fill(buffer, CAPACITY, POISON)
  guest.memory.write(buffer, bytes)
  const readable = [{ at: buffer, length: bytes.length }]
  guest.driver.cmdq.post({ readable, writable: [{ at: buffer, length: CAPACITY }], form })
  guest.driver.cmdq.publish()
  return buffer
}

const wordsAt = (guest: Guest, buffer: number, count: number): number[] => [
  ...new Uint32Array(guest.memory.read(buffer, 4 * count).slice().buffer),
]

async function connectGuest(path: string): Promise<Guest> {
  const guest = new Guest({ form: 'indirect' })
  onTestFinished(() => guest.close())
  await guest.connect(FrontEnd.connect(path))
  return guest
}

const PLATFORM = `
vendor: test
clocks: [{ name: a, rates: [1 MHz, 2 MHz] }, { name: b, rate: 3 MHz }, { name: c, rates: [5 MHz, 7 MHz] }]
`

describe.each(FORMS)('one buffer for request and reply, %s', form => {
  const rateGet = packHeader(CLOCK, RATE_GET, 0, 1)
  const rateSet = packHeader(CLOCK, RATE_SET, 0, 2)

  async function served(time = new VirtualTime()) {
    const path = socketPath()
    const server = await serve({ platform: { text: PLATFORM }, endpoint: { socketPath: path }, time })
    onTestFinished(() => server.close())
    return { server, time, guest: await connectGuest(path) }
  }

  it('M1: commands act on the resource that they name', async () => {
    const path = socketPath()
    const platform = join(import.meta.dirname, '../../src/platform/presets/everything.yaml')
    const server = await serve({ platform, endpoint: { socketPath: path } })
    onTestFinished(() => server.close())
    const guest = await connectGuest(path)
    const rates: string[] = []
    for (const id of [0, 1, 2]) {
      const buffer = sendInPlace(guest, form, rateGet, id)
      await guest.driver.cmdq.collect(1)
      const reply = wordsAt(guest, buffer, 4)
      expect(reply).toEqual([rateGet, ...(await guest.send(CLOCK, RATE_GET, id))])
      rates.push(String(reply))
    }
    expect(rates[2]).not.toBe(rates[0])
  })

  it('a trace shows the request as it was sent', async () => {
    const { server, guest } = await served()
    const lines: string[] = []
    const decoder = new MessageDecoder(server.protocols)
    onTestFinished(
      server.tap.listen(records => {
        while (records.next()) lines.push(messageText(decoder.record(records)!))
      }),
    )
    sendInPlace(guest, form, rateGet, 2)
    await until(() => lines.length === 1, 'the exchange')
    expect(lines[0]).toMatch(/CLOCK_RATE_GET.*clock_id: 2.*rate: 5000000/)
  })

  it('fault rules see the request, and replies that they delay, hold or edit belong to it', async () => {
    const { server, time, guest } = await served()
    server.faults.add({ message: 'CLOCK_RATE_GET', where: { clock_id: 2 }, delay: '1 ms', times: 1 })
    server.faults.add({ message: 'CLOCK_RATE_GET', where: { clock_id: 1 }, status: 'BUSY', execute: true, times: 1 })
    server.faults.add({ message: 'CLOCK_RATE_SET', hold: true })
    const [late, busy, set] = [
      sendInPlace(guest, form, rateGet, 2),
      sendInPlace(guest, form, rateGet, 1),
      sendInPlace(guest, form, rateSet, 0, 2, 7 * MHZ, 0),
    ]
    await guest.driver.cmdq.collect(1)
    expect(wordsAt(guest, busy, 2)).toEqual([rateGet, -6 >>> 0])
    // Executed, but nothing is written to their buffers yet.
    expect(wordsAt(guest, late, 2)).toEqual([rateGet, 2])
    expect(wordsAt(guest, set, 3)).toEqual([rateSet, 0, 2])
    expect(await guest.send(CLOCK, RATE_GET, 2)).toEqual([0, 7 * MHZ, 0])
    time.advance(1000)
    await until(() => wordsAt(guest, late, 2)[1] === 0, 'the delayed reply')
    expect(wordsAt(guest, late, 4)).toEqual([rateGet, 0, 5 * MHZ, 0])
    server.faults.clear()
    await until(() => wordsAt(guest, set, 2)[1] === 0, 'the held reply')
    await turns()
    expect(guest.driver.cmdq.usedIdx).toBe(4)
  })

  it('a process that restores a state file replies to messages that its predecessor executed but did not publish', () =>
    inFolder(async folder => {
      const path = join(folder, 'scmi.sock')
      const state = join(folder, 'state')
      const open = (state: string) => serve({ platform: { text: PLATFORM }, endpoint: { socketPath: path }, state })
      const first = await open(state)
      const guest = await connectGuest(path)
      await guest.send(CLOCK, RATE_GET, 0)
      const pictures: Uint8Array[] = []
      const commit = first.keeper!.commit.bind(first.keeper)
      first.keeper!.commit = () => {
        commit()
        copyFileSync(state, `${state}-${pictures.length}`)
        pictures.push(guest.memory.read(FLAT.guest, FLAT.size).slice())
      }
      const buffer = sendInPlace(guest, form, rateSet, ROUND_UP, 2, 7 * MHZ, 0)
      await guest.driver.cmdq.collect(1)
      first.keeper!.commit = commit
      guest.close()
      first.close()
      expect(pictures.length).toBe(1)

      const second = await open(`${state}-0`)
      const next = new Guest({ form: 'indirect' })
      onTestFinished(() => {
        next.close()
        second.close()
      })
      next.memory.write(FLAT.guest, pictures[0]!)
      expect(wordsAt(next, buffer, 5)).toEqual([rateSet, ROUND_UP, 2, 7 * MHZ, 0])
      // The command was executed, and is not executed again.
      let changes = 0
      second.platform.model(clocks).on('rateChanged', () => changes++)
      await next.connect(FrontEnd.connect(path), [1, 0])
      await until(() => next.driver.cmdq.usedIdx === 2, 'the reply')
      expect(wordsAt(next, buffer, 2)).toEqual([rateSet, 0])
      expect([changes, second.platform.model(clocks).list[2]!.rateHz]).toEqual([0, 7 * MHZ])
    }))
})
