/** The event queue: peekEvent looks at the next buffer, commitEvent uses it. */
import { describe, expect, it } from 'vitest'
import {
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_WINDOW,
  EVENT_ENTRY,
  MESSAGE_MAX,
  NativeEvent,
} from '../../src/device/native.js'
import { POISON, split } from '../../src/front-end/driver.js'
import { passed } from '../../src/front-end/queue.js'
import { turns, until } from '../../src/front-end/wait.js'
import { negotiated, pattern, reversed, started } from './rig.js'

describe('peekEvent', () => {
  it('is -1 before the ring runs, and while there is no buffer', async () => {
    const rig = await negotiated()
    expect(rig.device.peekEvent()).toBe(-1)
    await rig.start()
    expect(rig.device.peekEvent()).toBe(-1)
    rig.driver.postEventBuffers(1, 40)
    expect(rig.device.peekEvent()).toBe(40)
  })

  it('is -1 after the ring was stopped, and after the front end is gone', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(2, 40)
    expect(rig.device.peekEvent()).toBe(40)
    await rig.frontEnd.getBase(1)
    expect(rig.device.peekEvent()).toBe(-1)
    rig.frontEnd.close()
    await rig.backEnd.seen(NativeEvent.DISCONNECTED)
    expect(rig.device.peekEvent()).toBe(-1)
  })

  it('is -1 while the ring is disabled', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(2, 40)
    await rig.frontEnd.enable(1, false)
    expect(rig.device.peekEvent()).toBe(-1)
    await rig.frontEnd.enable(1, true)
    expect(rig.device.peekEvent()).toBe(40)
  })

  it('shows the same buffer until it is committed, and takes nothing', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(1, 40)
    rig.driver.postEventBuffers(1, 50)
    for (let i = 0; i < 5; i++) expect(rig.device.peekEvent()).toBe(40)
    expect(rig.driver.eventq.usedIdx).toBe(0)
    rig.device.commitEvent(8)
    expect(rig.device.peekEvent()).toBe(50)
    expect(rig.driver.eventq.usedIdx).toBe(1)
  })

  it('returns the whole capacity, and writes it to EVENT_ENTRY', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(1, 136)
    expect(rig.device.peekEvent()).toBe(136)
    expect(rig.backEnd.batch[EVENT_ENTRY + ENTRY_REPLY_CAPACITY]).toBe(136)
  })
})

describe('an event', () => {
  it('arrives with its bytes and its length, in the first buffer', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(4, 64)
    for (let i = 0; i < 4; i++) rig.backEnd.sendEvent(pattern(5 + i, i))
    expect(rig.driver.events()).toEqual([0, 1, 2, 3].map(i => pattern(5 + i, i)))
    expect(rig.backEnd.sendEvent(pattern(5))).toBe(-1)
  })

  it('of every small length arrives whole in a buffer of every small capacity it fits', async () => {
    const rig = await started()
    for (let capacity = 1; capacity <= 16; capacity++) {
      for (const length of [0, capacity - 1, capacity]) {
        rig.driver.postEventBuffers(1, capacity)
        expect(rig.backEnd.sendEvent(pattern(length, capacity))).toBe(capacity)
        expect(rig.driver.events()).toEqual([pattern(length, capacity)])
      }
    }
  })

  it('longer than its buffer is cut to the capacity', async () => {
    const rig = await started()
    const at = rig.memory.allocate(256)
    rig.memory.fill(at, 256, POISON)
    rig.driver.eventq.post({ readable: [], writable: [{ at, length: 10 }] })
    rig.driver.eventq.publish()
    expect(rig.device.peekEvent()).toBe(10)
    rig.device.commitEvent(1000)
    expect(rig.driver.eventq.take()).toMatchObject({ length: 10 })
    expect(rig.memory.read(at + 10, 246).every(byte => byte === POISON)).toBe(true)
  })

  it.each([[[4, 20]], [[1, 3, 20]], [[0, 24]], [Array<number>(24).fill(1)]])(
    'arrives in a buffer split as %j, and not a byte more is written',
    async lengths => {
      const rig = await started({ eventSize: 32 })
      const at = rig.memory.allocate(64)
      rig.memory.fill(at, 64, POISON)
      rig.driver.eventq.post({ readable: [], writable: split({ at, length: 24 }, lengths) })
      rig.driver.eventq.publish()
      expect(rig.backEnd.sendEvent(pattern(20))).toBe(24)
      expect(rig.driver.eventq.take()).toMatchObject({ length: 20 })
      expect(rig.memory.read(at, 20)).toEqual(pattern(20))
      expect(rig.memory.read(at + 20, 44).every(byte => byte === POISON)).toBe(true)
    },
  )

  it('arrives in an indirect buffer', async () => {
    const rig = await started({ form: 'indirect' })
    const at = rig.memory.allocate(64)
    rig.driver.eventq.post({ readable: [], writable: [{ at, length: 40 }], form: 'indirect' })
    rig.driver.eventq.publish()
    expect(rig.backEnd.sendEvent(pattern(20))).toBe(40)
    expect(rig.memory.read(at, 20)).toEqual(pattern(20))
  })

  it('in a split buffer larger than scratch memory may use MESSAGE_MAX bytes of it', async () => {
    const rig = await started()
    const at = rig.memory.allocate(8192)
    rig.driver.eventq.post({ readable: [], writable: split({ at, length: 8192 }, [1, 8191]) })
    rig.driver.eventq.publish()
    expect(rig.device.peekEvent()).toBe(MESSAGE_MAX)
    expect(rig.backEnd.batch[EVENT_ENTRY + ENTRY_REPLY_WINDOW]).toBe(0)
    rig.backEnd.sendEvent(pattern(MESSAGE_MAX))
    expect(rig.driver.eventq.take()).toMatchObject({ length: MESSAGE_MAX })
    expect(rig.memory.read(at, MESSAGE_MAX)).toEqual(pattern(MESSAGE_MAX))
  })

  it('may be sent from onBatch, and a message answered in the same batch', async () => {
    const rig = await started({
      onBatch: (count, backEnd) => {
        backEnd.sendEvent(pattern(7))
        backEnd.echo(count)
      },
    })
    rig.driver.postEventBuffers(3, 32)
    expect((await rig.driver.exchange(pattern(12), 12)).reply).toEqual(reversed(pattern(12)))
    expect((await rig.driver.exchange(pattern(12), 12, { readable: [4, 8], writable: [3, 9] })).length).toBe(12)
    expect(rig.driver.events()).toEqual([pattern(7), pattern(7)])
  })

  it('in scratch memory does not disturb messages of the same batch in scratch memory', async () => {
    const rig = await started({
      onBatch: (count, backEnd) => {
        backEnd.echo(count)
        backEnd.sendEvent(pattern(24, 9))
      },
    })
    const at = rig.memory.allocate(64)
    rig.driver.eventq.post({ readable: [], writable: split({ at, length: 24 }, [12, 12]) })
    rig.driver.eventq.publish()
    for (let i = 0; i < 8; i++) rig.driver.post(pattern(24, i), 24, { readable: [5, 19], writable: [19, 5] })
    rig.driver.cmdq.publish()
    const used = await rig.driver.cmdq.collect(8)
    for (const [i, one] of used.entries()) expect(rig.driver.answer(one).reply).toEqual(reversed(pattern(24, i)))
    expect(rig.memory.read(at, 24)).toEqual(pattern(24, 9))
  })
})

describe('commitEvent', () => {
  it('without a peeked buffer returns nothing to the driver', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(3, 32)
    expect(() => rig.device.commitEvent(4)).toThrow()
    expect(rig.device.peekEvent()).toBe(32)
    rig.device.commitEvent(4)
    expect(() => rig.device.commitEvent(4)).toThrow()
    expect(rig.driver.eventq.usedIdx).toBe(1)
  })

  it('of a buffer that was peeked before the ring stopped writes nothing', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(3, 32)
    expect(rig.device.peekEvent()).toBe(32)
    expect(await rig.frontEnd.getBase(1)).toBe(0)
    expect(() => rig.device.commitEvent(4)).toThrow()
    expect(rig.driver.eventq.usedIdx).toBe(0)
  })
})

describe('event buffers', () => {
  it('are announced when the driver makes them available', async () => {
    const rig = await started()
    const before = rig.backEnd.count(NativeEvent.EVENT_BUFFERS)
    rig.driver.postEventBuffers(4, 32)
    await rig.backEnd.seen(NativeEvent.EVENT_BUFFERS, before + 1)
  })

  it('are announced again when all were used and new ones come', async () => {
    const rig = await started({ eventIdx: true, onEvent: () => {} })
    for (let i = 0; i < 5; i++) {
      const before = rig.backEnd.count(NativeEvent.EVENT_BUFFERS)
      rig.driver.postEventBuffers(1, 32)
      await rig.backEnd.seen(NativeEvent.EVENT_BUFFERS, before + 1)
      expect(rig.backEnd.sendEvent(pattern(4, i))).toBe(32)
      expect(rig.backEnd.sendEvent(pattern(4, i))).toBe(-1)
      expect(rig.driver.events()).toEqual([pattern(4, i)])
    }
  })

  it.each([true, false])(
    'are announced even if nobody peeked after the last was used: EVENT_IDX %s',
    async eventIdx => {
      const rig = await started({ eventIdx })
      for (let i = 0; i < 5; i++) {
        const before = rig.backEnd.count(NativeEvent.EVENT_BUFFERS)
        rig.driver.postEventBuffers(1, 32)
        await rig.backEnd.seen(NativeEvent.EVENT_BUFFERS, before + 1)
        expect(rig.device.peekEvent()).toBe(32)
        rig.device.commitEvent(4)
        rig.driver.events()
      }
    },
  )

  it('may be filled at once when they are announced', async () => {
    let left = 10
    const rig = await started({
      onEvent: ({ event }, backEnd) => {
        if (event !== NativeEvent.EVENT_BUFFERS) return
        while (left > 0 && backEnd.sendEvent(pattern(4, left)) >= 0) left--
      },
    })
    for (const count of [1, 2, 3, 4]) {
      rig.driver.postEventBuffers(count, 32)
      await rig.driver.eventq.collect(count)
    }
    expect(left).toBe(0)
  })

  it('are not taken in advance: a stopped ring resumes at the first one that was not used', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(10, 32)
    for (let i = 0; i < 3; i++) rig.backEnd.sendEvent(pattern(4, i))
    rig.device.peekEvent()
    expect(await rig.frontEnd.getBase(1)).toBe(3)
    expect(rig.driver.events().length).toBe(3)
    await rig.start({ queues: [rig.driver.eventq], bases: [3] })
    for (let i = 0; i < 7; i++) expect(rig.backEnd.sendEvent(pattern(4, 10 + i))).toBe(32)
    expect(rig.driver.events()).toEqual(Array.from({ length: 7 }, (_, i) => pattern(4, 10 + i)))
    expect(rig.backEnd.sendEvent(pattern(4))).toBe(-1)
  })

  it('are found after a reconnect at used.idx, none lost and none used twice', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(10, 32)
    for (let i = 0; i < 4; i++) rig.backEnd.sendEvent(pattern(4, i))
    await rig.reconnect()
    await rig.start({ bases: rig.driver.queues.map(queue => queue.usedIdx) })
    for (let i = 0; i < 6; i++) expect(rig.backEnd.sendEvent(pattern(4, 4 + i))).toBe(32)
    expect(rig.driver.events()).toEqual(Array.from({ length: 10 }, (_, i) => pattern(4, i)))
  })

  it('with readable bytes are returned unused', async () => {
    const rig = await started()
    const at = rig.memory.allocate(64)
    rig.memory.fill(at, 64, POISON)
    rig.driver.eventq.post({ readable: [{ at, length: 8 }], writable: [{ at: at + 8, length: 24 }] })
    rig.driver.eventq.post({ readable: [{ at, length: 8 }], writable: [] })
    rig.driver.postEventBuffers(1, 40)
    expect(rig.device.peekEvent()).toBe(40)
    const used = [rig.driver.eventq.take(), rig.driver.eventq.take()]
    expect(used.map(u => u?.length)).toEqual([0, 0])
    expect(rig.memory.read(at, 64).every(byte => byte === POISON)).toBe(true)
  })

  it('the event queue goes round the 16-bit indexes', async () => {
    const rig = await started({ eventSize: 2, eventIdx: true })
    rig.driver.postEventBuffers(2, 8)
    const { eventq } = rig.driver
    for (let i = 0; i < 70_000; i++) {
      rig.device.peekEvent()
      rig.device.commitEvent(i % 9)
      if (eventq.usedEntries[1 + 2 * (i % 2)] !== i % 2) throw new Error(`event ${i}: wrong buffer`)
      if (eventq.usedEntries[2 + 2 * (i % 2)] !== i % 9) throw new Error(`event ${i}: wrong length`)
      eventq.offer(i % 2)
      eventq.storeIdx(eventq.nextAvailable)
    }
    expect(eventq.usedIdx).toBe(70_000 & 0xffff)
  })
})

describe('signals of the event queue', () => {
  it('follow NO_INTERRUPT without EVENT_IDX', async () => {
    const rig = await started()
    const { eventq } = rig.driver
    rig.driver.postEventBuffers(12, 32)
    eventq.drainSignals()
    eventq.disableSignals()
    for (let i = 0; i < 4; i++) rig.backEnd.sendEvent(pattern(4))
    expect(eventq.drainSignals()).toBe(0)
    eventq.enableSignals()
    for (let i = 0; i < 4; i++) rig.backEnd.sendEvent(pattern(4))
    expect(eventq.drainSignals()).toBe(4)
  })

  it('follow used_event with EVENT_IDX', async () => {
    const rig = await started({ eventIdx: true })
    const { eventq } = rig.driver
    rig.driver.postEventBuffers(12, 32)
    rig.backEnd.sendEvent(pattern(4))
    eventq.drainSignals()
    eventq.signalAfter(5)
    for (let i = 1; i < 12; i++) {
      rig.backEnd.sendEvent(pattern(4))
      expect(eventq.drainSignals(), `event ${i}`).toBe(passed(5, i + 1, i) ? 1 : 0)
    }
  })

  it('wake a driver that sleeps', async () => {
    const rig = await started({ eventIdx: true })
    rig.driver.postEventBuffers(2, 32)
    const collected = rig.driver.eventq.collect(1)
    await turns(3)
    rig.backEnd.sendEvent(pattern(4))
    expect((await collected).length).toBe(1)
  })
})

it('without P2A_CHANNELS an event queue that was not set up does no harm', async () => {
  const rig = await negotiated({ events: false })
  await rig.start({ queues: [rig.driver.cmdq] })
  expect(rig.device.peekEvent()).toBe(-1)
  expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  await until(() => rig.driver.cmdq.inFlight === 0, 'the answer')
})
