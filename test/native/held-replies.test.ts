/** Replies that come after their batch, in any order or never (completeHeld), and a ring that is broken on purpose. */
import { describe, expect, it } from 'vitest'
import {
  BATCH_HEADER,
  ENTRY_TICKET,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  NativeEvent,
  WRITTEN_LATER,
} from '../../src/device/native.js'
import { POISON } from '../../src/front-end/driver.js'
import { stop } from '../../src/front-end/qemu.js'
import { turns, until } from '../../src/front-end/wait.js'
import { InflightRegion } from '../driver/inflight.js'
import { sys } from '../driver/syscalls.js'
import { negotiated, pattern, type Rig, type RigOptions, reversed, started } from './rig.js'

interface HoldingRig extends Rig {
  /** Of the messages that were held, in the order they came. */
  tickets: number[]
  /** Whether messages are held, or answered in their batch. */
  holding: boolean
}

/** A rig whose messages are held. */
async function holding(options: RigOptions = {}, start: (options: RigOptions) => Promise<Rig> = started) {
  const tickets: number[] = []
  const rig = (await start({
    size: 64,
    ...options,
    onBatch: (count, backEnd) => {
      if (!rig.holding) {
        backEnd.echo(count)
        return
      }
      for (let i = 0, entry = BATCH_HEADER; i < count; i++, entry += ENTRY_WORDS) {
        tickets.push(backEnd.batch[entry + ENTRY_TICKET]!)
        backEnd.batch[entry + ENTRY_WRITTEN] = WRITTEN_LATER
      }
    },
  })) as HoldingRig
  return Object.assign(rig, { tickets, holding: true })
}

/** Posts messages at once and waits until all are held. Returns their heads. */
async function post(rig: HoldingRig, count: number, capacity = 12): Promise<number[]> {
  const before = rig.tickets.length
  const heads = Array.from({ length: count }, (_, i) => rig.driver.post(pattern(12, i), capacity).head)
  rig.driver.cmdq.publish()
  await until(() => rig.tickets.length === before + count, 'the messages to be held')
  return heads
}

describe('a held reply', () => {
  it('is not published with its batch, and is published whenever it comes, in any order', async () => {
    const rig = await holding()
    const heads = await post(rig, 3)
    await turns()
    expect(rig.driver.cmdq.usedIdx).toBe(0)
    for (const i of [2, 0, 1]) {
      expect(rig.device.completeHeld(rig.tickets[i]!, pattern(12, 70 + i))).toBe(true)
      const [used] = await rig.driver.cmdq.collect(1)
      expect(used).toEqual({ head: heads[i], length: 12 })
      expect(rig.driver.answer(used!).reply).toEqual(pattern(12, 70 + i))
    }
  })

  it('is overtaken by messages that are answered in their batch', async () => {
    const rig = await holding()
    await post(rig, 1)
    rig.holding = false
    for (let i = 0; i < 200; i++) {
      expect((await rig.driver.exchange(pattern(8, i), 8)).reply).toEqual(reversed(pattern(8, i)))
    }
    expect(rig.device.completeHeld(rig.tickets[0]!, pattern(4))).toBe(true)
    expect(rig.driver.answer((await rig.driver.cmdq.collect(1))[0]!).reply).toEqual(pattern(4))
  })

  it.each([{ eventIdx: false }, { eventIdx: true }])('signals as the ring asks: $eventIdx', async ({ eventIdx }) => {
    const rig = await holding({ eventIdx })
    await post(rig, 3)
    rig.driver.cmdq.drainSignals()
    rig.device.completeHeld(rig.tickets[0]!, pattern(1))
    expect(rig.driver.cmdq.drainSignals()).toBe(1)
    rig.driver.cmdq.takeAll()
    rig.driver.cmdq.disableSignals()
    rig.device.completeHeld(rig.tickets[1]!, pattern(1))
    expect(rig.driver.cmdq.drainSignals()).toBe(0)
    rig.driver.cmdq.takeAll()
    rig.driver.cmdq.enableSignals()
    rig.device.completeHeld(rig.tickets[2]!, pattern(1))
    expect(rig.driver.cmdq.drainSignals()).toBe(1)
  })

  it('that is larger than its buffer is cut, wherever the buffer lies', async () => {
    const rig = await holding({ form: 'indirect' })
    for (const writable of [[12], [4, 8], [1, 1, 10]]) {
      const { head } = rig.driver.post(pattern(12), 12, { writable })
      rig.driver.cmdq.publish()
      await until(() => rig.tickets.length === 1, 'the message to be held')
      expect(rig.device.completeHeld(rig.tickets.pop()!, pattern(5000, 3))).toBe(true)
      const [used] = await rig.driver.cmdq.collect(1)
      expect(used).toEqual({ head, length: 12 })
      expect(rig.driver.answer(used!).reply).toEqual(pattern(5000, 3).slice(0, 12))
    }
  })

  it('can be shorter than its buffer, empty, or have a false length', async () => {
    const rig = await holding()
    await post(rig, 3)
    rig.device.completeHeld(rig.tickets[0]!, pattern(3))
    rig.device.completeHeld(rig.tickets[1]!, new Uint8Array(0))
    rig.device.completeHeld(rig.tickets[2]!, pattern(3), 0xffff_fff0)
    expect((await rig.driver.cmdq.collect(3)).map(used => used.length)).toEqual([3, 0, 0xffff_fff0])
  })

  it('leaves its buffer alone until it comes', async () => {
    const rig = await negotiated({
      size: 64,
      onBatch: (_, { batch }) => {
        batch[BATCH_HEADER + ENTRY_WRITTEN] = WRITTEN_LATER
      },
    })
    await rig.start()
    const { reply } = rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    await until(() => rig.backEnd.batches.length === 1, 'a batch')
    expect(rig.memory.read(reply.at, 8)).toEqual(new Uint8Array(8).fill(POISON))
  })
})

describe('a ticket', () => {
  it('is valid once, and never for a later message with the same head', async () => {
    const rig = await holding()
    const tickets: number[] = []
    for (let i = 0; i < 20; i++) {
      await post(rig, 1)
      tickets.push(rig.tickets.at(-1)!)
      for (const old of tickets.slice(0, -1)) expect(rig.device.completeHeld(old, pattern(1))).toBe(false)
      expect(rig.device.completeHeld(tickets[i]!, pattern(2))).toBe(true)
      expect(rig.device.completeHeld(tickets[i]!, pattern(2))).toBe(false)
      rig.driver.answer((await rig.driver.cmdq.collect(1))[0]!)
    }
    expect(new Set(tickets).size).toBe(20)
  })

  it('of an answered message is invalid, and so is one that was never given out', async () => {
    const rig = await holding()
    await post(rig, 1)
    for (const wrong of [
      0,
      1,
      63,
      64,
      1023,
      1024,
      0xffff,
      0xffff_ffff,
      rig.tickets[0]! + 1,
      rig.tickets[0]! + 0x10000,
    ]) {
      if (wrong !== rig.tickets[0]) expect(rig.device.completeHeld(wrong, pattern(1))).toBe(false)
    }
    rig.device.completeHeld(rig.tickets[0]!, pattern(1))
    rig.holding = false
    await rig.driver.cmdq.collect(1)
    await rig.driver.exchange(pattern(8), 8)
    for (let ticket = 0; ticket < 64; ticket++) expect(rig.device.completeHeld(ticket, pattern(1))).toBe(false)
  })

  it.each([
    { name: 'stopped', end: async (rig: Rig) => void (await rig.frontEnd.getBase(0)) },
    { name: 'disabled', end: (rig: Rig) => rig.frontEnd.enable(0, false) },
    {
      name: 'moved to other memory',
      end: (rig: Rig) => rig.frontEnd.setMemoryTable(rig.memory.regions, rig.memory.fds),
    },
    { name: 'left by its front end', end: (rig: Rig) => rig.reconnect() },
    { name: 'broken', end: async (rig: Rig) => rig.device.breakRing(0) },
  ])('ends with its ring: $name', async ({ end }) => {
    const rig = await holding()
    await post(rig, 4)
    await end(rig)
    for (const ticket of rig.tickets) expect(rig.device.completeHeld(ticket, pattern(1))).toBe(false)
    expect(rig.driver.cmdq.usedIdx).toBe(0)
    rig.backEnd.takeSurprises()
  })

  it('from before a reset is not valid for the same head after it', async () => {
    const rig = await holding()
    const before = await post(rig, 4)
    await stop(rig.frontEnd, rig.driver.queues)
    rig.driver.reset()
    await rig.start()
    const after = await post(rig, 4)
    expect(after).toEqual(before)
    const [old, young] = [rig.tickets.slice(0, 4), rig.tickets.slice(4)]
    for (const ticket of old) expect(rig.device.completeHeld(ticket, pattern(1))).toBe(false)
    for (const ticket of young) expect(rig.device.completeHeld(ticket, pattern(2))).toBe(true)
    expect((await rig.driver.cmdq.collect(4)).map(used => used.length)).toEqual([2, 2, 2, 2])
  })
})

describe('messages held for ever', () => {
  it('fill the ring until nothing more can be offered; a reset clears it', async () => {
    const rig = await holding({ size: 16 })
    await post(rig, 8)
    expect(() => rig.driver.post(pattern(12), 12)).toThrow('full')
    await stop(rig.frontEnd, rig.driver.queues)
    rig.driver.reset()
    rig.holding = false
    await rig.start()
    for (let i = 0; i < 40; i++) await rig.driver.exchange(pattern(8, i), 8)
  })

  it('must not be offered again: that breaks a rule', async () => {
    const rig = await holding()
    const [head] = await post(rig, 1)
    rig.driver.cmdq.offer(head!)
    rig.driver.cmdq.publish()
    expect((await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).text).toMatch(/again before it was used/)
    expect(rig.device.completeHeld(rig.tickets[0]!, pattern(1))).toBe(false)
  })

  it('are skipped when a machine stops and continues', async () => {
    const rig = await holding()
    await post(rig, 3)
    expect(rig.device.completeHeld(rig.tickets[1]!, pattern(1))).toBe(true)
    await rig.driver.cmdq.collect(1)
    const bases = await stop(rig.frontEnd, rig.driver.queues)
    expect(bases[0]).toBe(3)
    rig.holding = false
    await rig.start({ bases })
    expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
  })
})

describe('a driver that rewrites a chain that it offered', () => {
  it('into an invalid chain: the ring stops', async () => {
    const rig = await holding()
    const [head] = await post(rig, 1)
    rig.driver.cmdq.descriptor(head!, 0x10, 8, 0)
    expect(rig.device.completeHeld(rig.tickets[0]!, pattern(8))).toBe(false)
    expect((await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).text).toMatch(/guest memory/)
    expect(rig.driver.cmdq.usedIdx).toBe(0)
  })

  it('into one without room: the reply is cut to nothing', async () => {
    const rig = await holding()
    const [head] = await post(rig, 1)
    rig.driver.cmdq.descriptor(head!, rig.memory.regions[0]!.guest, 8, 0)
    expect(rig.device.completeHeld(rig.tickets[0]!, pattern(8))).toBe(true)
    expect(await rig.driver.cmdq.collect(1)).toEqual([{ head, length: 0 }])
  })

  it('and truncates the memory file: the ring stops', async () => {
    const rig = await holding({ sealed: false })
    await post(rig, 1)
    rig.memory.truncate(0)
    expect(rig.device.completeHeld(rig.tickets[0]!, pattern(8))).toBe(false)
    for (const queue of [0, 1]) expect((await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).queue).toBe(queue)
  })
})

describe('with an inflight region', () => {
  it('a held message stays in flight and is repeated after a reconnect; an answered one is not', async () => {
    const rig = await holding({}, negotiated)
    const region = rig.own(await InflightRegion.get(rig.frontEnd, 2, 64))
    expect(await region.set(rig.frontEnd)).toBe(0n)
    await rig.start()
    const heads = await post(rig, 4)
    expect(rig.device.completeHeld(rig.tickets[2]!, pattern(1))).toBe(true)
    expect(rig.device.completeHeld(rig.tickets[0]!, pattern(1))).toBe(true)
    await rig.driver.cmdq.collect(2)
    expect(region.queue(0).inFlight).toEqual([heads[1], heads[3]])
    const frontEnd = await rig.reconnect()
    expect(await region.set(frontEnd)).toBe(0n)
    rig.holding = false
    await rig.start({ bases: [2, 0] })
    const again = await rig.driver.cmdq.collect(2)
    expect(again.map(used => used.head)).toEqual([heads[1], heads[3]])
    for (const [i, used] of again.entries()) {
      expect(rig.driver.answer(used).reply).toEqual(reversed(pattern(12, [1, 3][i]!)))
    }
    expect(region.queue(0).inFlight).toEqual([])
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('breakRing', () => {
  it('stops a ring like a fault, but does not blame the driver; a reset repairs it', async () => {
    const rig = await started()
    await rig.driver.exchange(pattern(8), 8)
    rig.device.breakRing(0)
    rig.device.breakRing(0)
    const fault = await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)
    expect(fault).toMatchObject({ queue: 0, value: 1 })
    expect(sys.readEvent(rig.driver.cmdq.error)).toBe(1)
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    await rig.frontEnd.sync()
    expect(rig.driver.cmdq.usedIdx).toBe(1)
    for (const queue of rig.driver.queues) await rig.frontEnd.getBase(queue.index)
    rig.driver.reset()
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
    expect(rig.backEnd.count(NativeEvent.QUEUE_FAULT)).toBe(1)
  })

  it('leaves the other queue alone', async () => {
    const rig = await started()
    rig.device.breakRing(1)
    expect(await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).toMatchObject({ queue: 1, value: 1 })
    expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
  })
})
