/**
 * Violations of the ring's rules. Each stops the queue, which is reported once, and signals its error descriptor. Nothing
 * is written outside of buffers, the other queue goes on, and after a reset the queue works again.
 */
import { describe, expect, it } from 'vitest'
import { BATCH_HEADER, ENTRY_REQUEST_LENGTH, ENTRY_WRITTEN, NativeEvent } from '../../src/device/native.js'
import { POISON } from '../../src/front-end/driver.js'
import { Descriptor } from '../../src/front-end/protocol.js'
import { turns, until } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { chain, SIZE, VIOLATIONS } from '../driver/violations.js'
import { FLAT, pattern, type Rig, reversed, started } from './rig.js'

const { NEXT, WRITE } = Descriptor
const GIB = 1 << 30

/** Resets the device as a guest does; afterwards a message is answered. */
async function resetAndExchange(rig: Rig): Promise<void> {
  for (const queue of rig.driver.queues) await rig.frontEnd.getBase(queue.index)
  rig.driver.reset()
  sys.readEvent(rig.driver.cmdq.kick)
  await rig.start()
  expect((await rig.driver.exchange(pattern(12), 12)).reply).toEqual(reversed(pattern(12)))
}

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

    // It stays stopped, and reports that once.
    for (let i = 0; i < 5; i++) {
      driver.cmdq.kickNow()
      await turns(4)
    }
    expect(backEnd.count(NativeEvent.QUEUE_FAULT)).toBe(1)
    expect(backEnd.batches).toEqual([])

    // The other queue and the session continue.
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

  it('[head-twice] the same head twice, while the first is in flight', async () => {
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

  it('messages before the violation are answered', async () => {
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
  it('[direction] writable before readable is given back unanswered', async () => {
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

  it('[direction] no writable part: the message is delivered and has no reply', async () => {
    const rig = await started({ size: SIZE })
    expect((await rig.driver.exchange(pattern(12), 0)).length).toBe(0)
    expect(rig.backEnd.batches).toEqual([1])
  })

  it('[direction] no readable part: nothing is answered', async () => {
    const rig = await started({ size: SIZE })
    expect((await rig.driver.exchange(new Uint8Array(0), 64)).length).toBe(0)
  })

  it.each([0, 1, 2, 3])(
    '[short-request] a request of %i bytes, shorter than a header, is delivered as it is',
    async length => {
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
    },
  )

  it('[long-request] a request of 1 GiB is reported with its full length and copied in part', async () => {
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
  ])('[short-buffer] an answer longer than the room for it is cut, $name', async ({ writable }) => {
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

  it('[head-twice] the same head again and again, each time after it was used, breaks no rule', async () => {
    const rig = await started({ size: SIZE })
    const { cmdq } = rig.driver
    const buffer = rig.memory.allocate(64)
    for (let i = 1; i <= 3 * SIZE; i++) {
      chain(rig, [buffer, 8, NEXT, 1], [buffer + 8, 8, WRITE, 0])
      cmdq.kickNow()
      await until(() => cmdq.usedIdx === i, 'the chain to be used')
    }
  })

  it('[kick-storm] a storm of kicks does not starve the socket', async () => {
    const rig = await started({ size: SIZE })
    const child = sys.forkDriver(rig.driver.cmdq.available, rig.driver.cmdq.usedHeader, 0, rig.driver.cmdq.kick, 0)
    for (let i = 0; i < 50; i++) await rig.frontEnd.sync()
    sys.killChild(child)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('[overlap] a reply that lies over its request is written all the same', async () => {
    const rig = await started({ size: SIZE })
    const at = rig.memory.allocate(64)
    rig.memory.write(at, pattern(16))
    rig.driver.cmdq.post({ readable: [{ at, length: 16 }], writable: [{ at, length: 16 }] })
    rig.driver.cmdq.publish()
    const [used] = await rig.driver.cmdq.collect(1)
    expect(used!.length).toBe(16)
  })

  it.each(['descriptors', 'available', 'used'] as const)(
    '[overlap] a reply over the %s of its own ring breaks only that ring',
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
