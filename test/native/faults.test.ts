/**
 * What a guest can do wrong to a ring. Whatever it is: the queue stops and says so once, its error descriptor is
 * signalled, nothing is written outside the rules, the other queue goes on, and after a reset the queue works again.
 */
import { describe, expect, it } from 'vitest'
import { BATCH_HEADER, ENTRY_REQUEST_LENGTH, ENTRY_WRITTEN, NativeEvent } from '../../src/native.js'
import { POISON } from '../driver/driver.js'
import { Descriptor } from '../driver/protocol.js'
import { writeDescriptor } from '../driver/queue.js'
import { sys } from '../driver/syscalls.js'
import { Traffic } from '../driver/traffic.js'
import { turns, until } from '../driver/wait.js'
import { FLAT, pattern, type Rig, type RigOptions, reversed, started } from './rig.js'

const { NEXT, WRITE, INDIRECT } = Descriptor
const GIB = 1 << 30
const SIZE = 16
const END = FLAT.guest + FLAT.size

interface Violation {
  name: string
  options?: RigOptions
  /** Breaks the rule, with a buffer of 4 KiB to use; the ring is kicked afterwards. */
  commit: (rig: Rig, buffer: number) => void
  /** Text the fault has to contain. */
  says?: RegExp
}

/** A table of descriptors in memory: address, length, flags, next. */
function table(rig: Rig, at: number, entries: readonly (readonly [number | bigint, number, number, number])[]): void {
  const bytes = new Uint8Array(entries.length * 16)
  const view = new DataView(bytes.buffer)
  for (const [i, [address, length, flags, next]] of entries.entries()) {
    writeDescriptor(view, i, address, length, flags, next)
  }
  rig.memory.write(at, bytes)
}

/** Offers head 0 of descriptors written as given. */
function chain(rig: Rig, ...entries: (readonly [number | bigint, number, number, number])[]): void {
  for (const [i, [address, length, flags, next]] of entries.entries()) {
    rig.driver.cmdq.descriptor(i, address, length, flags, next)
  }
  rig.driver.cmdq.offer(0)
  rig.driver.cmdq.storeIdx(rig.driver.cmdq.nextAvailable)
}

/** Resets the device as a guest does; afterwards a message is answered. */
async function resetAndExchange(rig: Rig): Promise<void> {
  for (const queue of rig.driver.queues) await rig.frontEnd.getBase(queue.index)
  rig.driver.reset()
  sys.readEvent(rig.driver.cmdq.kick)
  await rig.start()
  expect((await rig.driver.exchange(pattern(12), 12)).reply).toEqual(reversed(pattern(12)))
}

const INDIRECT_OFFERED: RigOptions = { form: 'indirect' }

const VIOLATIONS: Violation[] = [
  {
    name: '1: avail.idx jumps more than the queue size ahead',
    commit: rig => rig.driver.cmdq.storeIdx(SIZE + 1),
    says: /idx/,
  },
  { name: '1: avail.idx goes back', commit: rig => rig.driver.cmdq.storeIdx(-1), says: /idx/ },
  { name: '1: avail.idx jumps half way round', commit: rig => rig.driver.cmdq.storeIdx(0x8000), says: /idx/ },
  {
    name: '2: a head is the queue size',
    commit: rig => {
      rig.driver.cmdq.offer(SIZE)
      rig.driver.cmdq.storeIdx(1)
    },
    says: new RegExp(`${SIZE}`),
  },
  {
    name: '2: a head is 65535',
    commit: rig => {
      rig.driver.cmdq.offer(0xffff)
      rig.driver.cmdq.storeIdx(1)
    },
    says: /65535/,
  },
  {
    name: '3: next is the queue size',
    commit: (rig, buffer) => chain(rig, [buffer, 8, NEXT, SIZE], [buffer, 8, WRITE, 0]),
    says: new RegExp(`${SIZE}`),
  },
  {
    name: '3: next is 65535',
    commit: (rig, buffer) => chain(rig, [buffer, 8, NEXT, 0xffff], [buffer, 8, WRITE, 0]),
    says: /65535/,
  },
  {
    name: '3: next lies outside the indirect table',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => {
      table(rig, buffer + 1024, [
        [buffer, 8, NEXT, 2],
        [buffer, 8, WRITE, 0],
      ])
      chain(rig, [buffer + 1024, 32, INDIRECT, 0])
    },
    says: /2/,
  },
  { name: '4: a descriptor points to itself', commit: (rig, buffer) => chain(rig, [buffer, 8, NEXT, 0]) },
  { name: '4: an empty descriptor points to itself', commit: (rig, buffer) => chain(rig, [buffer, 0, NEXT, 0]) },
  {
    name: '4: two descriptors point to each other',
    commit: (rig, buffer) => chain(rig, [buffer, 8, NEXT, 1], [buffer, 8, NEXT, 0]),
  },
  {
    name: '4: an indirect table loops',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => {
      table(rig, buffer + 1024, [
        [buffer, 8, NEXT, 1],
        [buffer, 8, NEXT | WRITE, 1],
      ])
      chain(rig, [buffer + 1024, 32, INDIRECT, 0])
    },
  },
  { name: '5: a request lies outside memory', commit: rig => chain(rig, [0, 8, NEXT, 1], [0, 8, WRITE, 0]) },
  { name: '5: a reply lies outside memory', commit: (rig, b) => chain(rig, [b, 8, NEXT, 1], [END, 8, WRITE, 0]) },
  {
    name: '5: the last byte of a request lies outside memory',
    commit: (rig, buffer) => chain(rig, [END - 7, 8, NEXT, 1], [buffer, 8, WRITE, 0]),
    says: /0x[0-9a-f]+/,
  },
  {
    name: '5: the last byte of a reply lies outside memory',
    commit: (rig, buffer) => chain(rig, [buffer, 8, NEXT, 1], [END - 7, 8, WRITE, 0]),
  },
  {
    name: '5: the first byte of a request lies before memory',
    commit: (rig, buffer) => chain(rig, [FLAT.guest - 1, 8, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '5: a request runs over a gap between regions',
    options: { memory: [FLAT, { guest: END + 4096, size: 1 << 20 }] },
    commit: (rig, buffer) => chain(rig, [END - 16, 4096 + 32, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '5: address and length overflow 64 bits',
    commit: (rig, buffer) => chain(rig, [0xffff_ffff_ffff_fff8n, 16, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '5: address and length overflow 64 bits and end in memory',
    commit: (rig, buffer) => chain(rig, [0xffff_ffff_ffff_ff00n, 0xffff_ffff, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '6: an indirect table of length 0',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => chain(rig, [buffer, 0, INDIRECT, 0]),
  },
  {
    name: '6: an indirect table whose length is no multiple of 16',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => {
      table(rig, buffer, [
        [buffer + 512, 8, NEXT, 1],
        [buffer + 512, 8, WRITE, 0],
      ])
      chain(rig, [buffer, 33, INDIRECT, 0])
    },
  },
  {
    name: '6: an indirect table with more entries than the queue',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => {
      table(rig, buffer, [[buffer + 512, 8, WRITE, 0]])
      chain(rig, [buffer, 16 * (SIZE + 1), INDIRECT, 0])
    },
  },
  {
    name: '6: an indirect table of almost 4 GiB',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => chain(rig, [buffer, 0xffff_fff0, INDIRECT, 0]),
  },
  {
    name: '6: an indirect table outside memory',
    options: INDIRECT_OFFERED,
    commit: rig => chain(rig, [16, 32, INDIRECT, 0]),
  },
  {
    name: '6: an indirect table whose last entry is outside memory',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => {
      table(rig, END - 16, [[buffer, 8, NEXT, 1]])
      chain(rig, [END - 16, 32, INDIRECT, 0])
    },
  },
  {
    name: '7: an indirect descriptor in an indirect table',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => {
      table(rig, buffer, [[buffer + 1024, 16, INDIRECT, 0]])
      table(rig, buffer + 1024, [[buffer + 2048, 8, WRITE, 0]])
      chain(rig, [buffer, 16, INDIRECT, 0])
    },
  },
  {
    name: '7: INDIRECT together with NEXT',
    options: INDIRECT_OFFERED,
    commit: (rig, buffer) => {
      table(rig, buffer, [[buffer + 1024, 8, 0, 0]])
      chain(rig, [buffer, 16, INDIRECT | NEXT, 1], [buffer + 1024, 8, WRITE, 0])
    },
  },
  {
    name: '7: an indirect descriptor when it was never offered',
    options: { withoutFeatures: [28] },
    commit: (rig, buffer) => {
      table(rig, buffer, [[buffer + 1024, 8, WRITE, 0]])
      chain(rig, [buffer, 16, INDIRECT, 0])
    },
  },
  {
    name: '11: more than 2^32 - 1 bytes in one chain',
    options: { memory: [FLAT, { guest: 4 * GIB, size: 3 * GIB, file: 1 }] },
    commit: rig => chain(rig, [4 * GIB, 0x9000_0000, NEXT, 1], [4 * GIB, 0x9000_0000, WRITE, 0]),
  },
]

describe('a violation of the ring', () => {
  it.each(VIOLATIONS)('$name', async ({ options, commit, says }) => {
    const rig = await started({ size: SIZE, eventSize: SIZE, ...options })
    const { driver, backEnd, memory, frontEnd } = rig
    const buffer = memory.allocate(4096, 16)
    memory.fill(buffer, 4096, POISON)
    driver.postEventBuffers(2, 32)
    sys.readEvent(driver.cmdq.error)
    commit(rig, buffer)
    driver.cmdq.kickNow()

    const fault = await backEnd.expect(NativeEvent.QUEUE_FAULT)
    expect(fault.queue).toBe(0)
    expect(fault.text).toMatch(says ?? /./)
    expect(sys.readEvent(driver.cmdq.error)).toBe(1)
    expect(backEnd.batches).toEqual([])
    expect(driver.cmdq.usedIdx).toBe(0)

    // It stays stopped, and says so once.
    for (let i = 0; i < 5; i++) {
      driver.cmdq.kickNow()
      await turns(4)
    }
    expect(backEnd.count(NativeEvent.QUEUE_FAULT)).toBe(1)
    expect(backEnd.batches).toEqual([])

    // The other queue, and the session, go on.
    expect(backEnd.sendEvent(pattern(6))).toBe(32)
    expect(driver.events()).toEqual([pattern(6)])
    await frontEnd.sync()

    // A reset of the device clears it.
    await resetAndExchange(rig)

    // So does a new connection.
    driver.cmdq.storeIdx(0x7000)
    driver.cmdq.kickNow()
    await backEnd.expect(NativeEvent.QUEUE_FAULT)
    await rig.reconnect()
    driver.reset()
    await rig.start()
    expect((await driver.exchange(pattern(12), 12)).length).toBe(12)
  })

  it('14: the same head twice, while the first is in flight', async () => {
    const rig = await started({ size: SIZE })
    const { head } = rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.offer(head)
    rig.driver.cmdq.storeIdx(2)
    rig.driver.cmdq.kickNow()
    const fault = await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)
    expect(fault.text).toContain(`${head}`)
    expect(rig.driver.cmdq.usedIdx).toBeLessThanOrEqual(1)
    expect(sys.readEvent(rig.driver.cmdq.error)).toBe(1)
  })

  it('what came before the violation is answered', async () => {
    const rig = await started({ size: SIZE })
    for (let i = 0; i < 3; i++) rig.driver.post(pattern(8, i), 8)
    rig.driver.cmdq.offer(SIZE + 3)
    rig.driver.cmdq.storeIdx(4)
    rig.driver.cmdq.kickNow()
    await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)
    await until(() => rig.driver.cmdq.usedIdx === 3, 'the three messages before')
    expect(await rig.frontEnd.getBase(0)).toBe(3)
  })

  it('without an error descriptor is no worse', async () => {
    const rig = await started({ size: SIZE })
    rig.frontEnd.setError(0, undefined)
    await rig.frontEnd.sync()
    rig.driver.cmdq.storeIdx(0x4000)
    rig.driver.cmdq.kickNow()
    await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)
    await rig.frontEnd.sync()
  })

  it('of the event queue stops that queue: no buffer, messages go on', async () => {
    const rig = await started({ size: SIZE, eventSize: SIZE })
    rig.driver.eventq.storeIdx(SIZE + 1)
    rig.driver.eventq.kickNow()
    expect(rig.device.peekEvent()).toBe(-1)
    expect((await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).queue).toBe(1)
    expect(sys.readEvent(rig.driver.eventq.error)).toBe(1)
    expect(rig.device.peekEvent()).toBe(-1)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    await turns()
    expect(rig.backEnd.count(NativeEvent.QUEUE_FAULT)).toBe(1)
  })

  it('of the event queue in a later buffer leaves the earlier ones usable', async () => {
    const rig = await started({ eventSize: SIZE })
    rig.driver.postEventBuffers(1, 32)
    rig.driver.eventq.descriptor(5, 0, 32, WRITE, 0)
    rig.driver.eventq.offer(5)
    rig.driver.eventq.storeIdx(2)
    rig.driver.eventq.kickNow()
    expect(rig.backEnd.sendEvent(pattern(4))).toBe(32)
    expect(rig.device.peekEvent()).toBe(-1)
    expect((await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).queue).toBe(1)
  })
})

describe('an odd chain that breaks no ring', () => {
  it('8: descriptors and requests that change all the time are read once: nothing but answers or a fault', async () => {
    const rig = await started({ size: 64, form: 'indirect', eventIdx: true })
    const traffic = new Traffic(rig.driver.cmdq, rig.memory, { indirect: true })
    await traffic.run(1000)
    // A second process rewrites lengths while the device walks: forkDriver keeps offering, this one flips.
    const child = sys.forkDriver(rig.driver.cmdq.available, rig.driver.cmdq.usedHeader, 64, rig.driver.cmdq.kick, 0)
    for (let i = 0; i < 2000; i++) {
      const tampered = rig.memory.view(rig.driver.cmdq.at.descriptors, 16 * 64)
      tampered.setUint32(16 * (i % 64) + 8, i % 3 === 0 ? 32 : 16, true)
      if (i % 50 === 0) await turns(1)
    }
    sys.killChild(child)
    await rig.frontEnd.sync()
    expect(traffic.completed).toBe(1000)
    expect((rig.driver.cmdq.usedIdx - 1000) & 0xffff).toBeGreaterThan(0)
    rig.backEnd.takeSurprises()
    await resetAndExchange(rig)
  })

  it('9: writable before readable is given back unanswered', async () => {
    const rig = await started({ size: SIZE })
    const buffer = rig.memory.allocate(256)
    rig.memory.fill(buffer, 256, POISON)
    chain(rig, [buffer, 64, WRITE | NEXT, 1], [buffer + 64, 64, 0, 0])
    rig.driver.cmdq.kickNow()
    await until(() => rig.driver.cmdq.usedIdx === 1, 'the chain to be used')
    expect(rig.driver.cmdq.usedEntries[1]).toBe(0)
    expect(rig.driver.cmdq.usedEntries[2]).toBe(0)
    expect(rig.memory.read(buffer, 256).every(byte => byte === POISON)).toBe(true)
    expect(rig.backEnd.batches).toEqual([])
  })

  it('9: no writable part: the message is delivered and has no reply', async () => {
    const rig = await started({ size: SIZE })
    expect((await rig.driver.exchange(pattern(12), 0)).length).toBe(0)
    expect(rig.backEnd.batches).toEqual([1])
  })

  it('9: no readable part: nothing is answered', async () => {
    const rig = await started({ size: SIZE })
    expect((await rig.driver.exchange(new Uint8Array(0), 64)).length).toBe(0)
  })

  it.each([0, 1, 2, 3])('10: a request of %i bytes, which is no header, is delivered as it is', async length => {
    let told: number | undefined
    const rig = await started({
      size: SIZE,
      onBatch: (count, backEnd) => {
        told = backEnd.batch[BATCH_HEADER + ENTRY_REQUEST_LENGTH]
        backEnd.echo(count)
      },
    })
    expect((await rig.driver.exchange(pattern(length), 64)).reply).toEqual(reversed(pattern(length)))
    expect(told).toBe(length)
  })

  it('12: a request of 1 GiB is told in full and copied in part', async () => {
    let told = 0
    const rig = await started({
      memory: [FLAT, { guest: 4 * GIB, size: 2 * GIB, file: 1 }],
      onBatch: (count, backEnd) => {
        told = backEnd.batch[BATCH_HEADER + ENTRY_REQUEST_LENGTH]!
        backEnd.echo(count)
      },
    })
    const replyAt = rig.memory.allocate(8192)
    const { cmdq } = rig.driver
    cmdq.post({ readable: [{ at: 4 * GIB + 100, length: GIB }], writable: [{ at: replyAt, length: 8192 }] })
    cmdq.publish()
    const [used] = await cmdq.collect(1)
    expect(told).toBe(GIB)
    expect(used!.length).toBe(4096)
  })

  it.each([
    { name: 'in one piece', writable: [10] },
    { name: 'in pieces', writable: [3, 7] },
  ])('13: an answer longer than the room for it is cut, $name', async ({ writable }) => {
    const rig = await started({
      onBatch: (count, backEnd) => {
        backEnd.echo(count)
        backEnd.batch[BATCH_HEADER + ENTRY_WRITTEN] = 0xffff_ffff
      },
    })
    const replyAt = rig.memory.allocate(64)
    rig.memory.fill(replyAt, 64, POISON)
    expect((await rig.driver.exchange(pattern(10), 10, { writable, replyAt })).length).toBe(10)
    expect(rig.memory.read(replyAt + 10, 54).every(byte => byte === POISON)).toBe(true)
  })

  it('14: the same head again and again, each time after it was used, is right', async () => {
    const rig = await started({ size: SIZE })
    const { cmdq } = rig.driver
    const buffer = rig.memory.allocate(64)
    for (let i = 1; i <= 3 * SIZE; i++) {
      chain(rig, [buffer, 8, NEXT, 1], [buffer + 8, 8, WRITE, 0])
      cmdq.kickNow()
      await until(() => cmdq.usedIdx === i, 'the chain to be used')
    }
  })

  it('15: a storm of kicks keeps nobody from the socket', async () => {
    const rig = await started({ size: SIZE })
    const child = sys.forkDriver(rig.driver.cmdq.available, rig.driver.cmdq.usedHeader, 0, rig.driver.cmdq.kick, 0)
    for (let i = 0; i < 50; i++) await rig.frontEnd.sync()
    sys.killChild(child)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('16: a reply that lies over its request is written all the same', async () => {
    const rig = await started({ size: SIZE })
    const at = rig.memory.allocate(64)
    rig.memory.write(at, pattern(16))
    rig.driver.cmdq.post({ readable: [{ at, length: 16 }], writable: [{ at, length: 16 }] })
    rig.driver.cmdq.publish()
    const [used] = await rig.driver.cmdq.collect(1)
    expect(used!.length).toBe(16)
  })

  it.each(['descriptors', 'available', 'used'] as const)(
    '16: a reply over the %s of its own ring breaks only that ring',
    async part => {
      const rig = await started({ size: SIZE })
      const { cmdq } = rig.driver
      rig.driver.postEventBuffers(1, 32)
      const requestAt = rig.memory.allocate(64)
      rig.memory.write(requestAt, pattern(64))
      cmdq.post({ readable: [{ at: requestAt, length: 64 }], writable: [{ at: cmdq.at[part], length: 64 }] })
      cmdq.publish()
      await rig.frontEnd.sync()
      await turns()
      expect(rig.backEnd.sendEvent(pattern(4))).toBe(32)
      await rig.frontEnd.sync()
      rig.backEnd.takeSurprises()
    },
  )
})
