/** Kicks and calls, their suppression with and without EVENT_IDX, and their descriptors. */
import { closeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import { stop } from '../../src/front-end/qemu.js'
import { passed, type Queue } from '../../src/front-end/queue.js'
import { turns, until } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { Traffic } from '../driver/traffic.js'
import { BackEnd, negotiated, pattern, started } from './rig.js'
import { running, signalsFor } from './running.js'

describe.each([0, 50, 1000])('watching the ring for %i us', pollUs => {
  describe('without EVENT_IDX', () => {
    it('there is no signal while the driver says NO_INTERRUPT, one per batch when it does not', async () => {
      const rig = await running({ pollUs })
      const { cmdq } = rig.driver
      cmdq.disableSignals()
      for (let i = 1; i <= 8; i++) expect(await signalsFor(rig, i)).toBe(0)
      cmdq.enableSignals()
      for (let i = 1; i <= 8; i++) expect(await signalsFor(rig, i)).toBe(1)
    })

    it('kicks are not asked for while the device is busy', async () => {
      let watched: Queue | undefined
      const flags: number[] = []
      const rig = await running({
        pollUs,
        onBatch: (count, backEnd) => {
          if (watched) flags.push(Atomics.load(watched.usedHeader, 0))
          backEnd.echo(count)
        },
      })
      watched = rig.driver.cmdq
      await signalsFor(rig, 3)
      expect(flags).toEqual([1])
    })
  })

  describe('with EVENT_IDX', () => {
    it('there is no signal while used_event is far away, one per batch when it is next', async () => {
      const rig = await running({ pollUs, eventIdx: true })
      const { cmdq } = rig.driver
      cmdq.disableSignals()
      for (let i = 1; i <= 8; i++) expect(await signalsFor(rig, i)).toBe(0)
      for (let i = 1; i <= 8; i++) {
        cmdq.enableSignals()
        expect(await signalsFor(rig, i)).toBe(1)
      }
    })

    it('there is exactly one signal: when used.idx passes used_event', async () => {
      const rig = await running({ pollUs, eventIdx: true })
      const { cmdq } = rig.driver
      const event = (cmdq.nextUsed + 10) & 0xffff
      cmdq.signalAfter(event)
      for (const count of [4, 4, 2, 1, 4, 4]) {
        const old = cmdq.nextUsed
        expect(await signalsFor(rig, count)).toBe(passed(event, cmdq.nextUsed, old) ? 1 : 0)
      }
    })

    it('the first completion after a start signals, because nobody knows what the driver has seen before', async () => {
      const rig = await started({ pollUs, eventIdx: true, size: 64 })
      rig.driver.cmdq.drainSignals()
      rig.driver.cmdq.disableSignals()
      expect(await signalsFor(rig, 1)).toBe(1)
      expect(await signalsFor(rig, 1)).toBe(0)
      await rig.start({ bases: await stop(rig.frontEnd, rig.driver.queues) })
      rig.driver.cmdq.drainSignals()
      expect(await signalsFor(rig, 1)).toBe(1)
      expect(await signalsFor(rig, 1)).toBe(0)
    })

    it('NO_INTERRUPT in avail.flags means nothing, and used.flags stay 0, also while the device is busy', async () => {
      let watched: Queue | undefined
      const flags = new Set<number>()
      const rig = await running({
        pollUs,
        eventIdx: true,
        onBatch: (count, backEnd) => {
          if (watched) flags.add(Atomics.load(watched.usedHeader, 0))
          backEnd.echo(count)
        },
      })
      const { cmdq } = rig.driver
      watched = cmdq
      Atomics.store(cmdq.available, 0, 1)
      for (let i = 0; i < 5; i++) {
        cmdq.signalAfter(cmdq.nextUsed)
        expect(await signalsFor(rig, 3)).toBe(1)
        flags.add(Atomics.load(cmdq.usedHeader, 0))
      }
      expect([...flags]).toEqual([0])
    })
  })

  it.each([true, false])('an idle device asks for the next kick: EVENT_IDX %s', async eventIdx => {
    const rig = await running({ pollUs, eventIdx })
    const { driver } = rig
    for (let i = 0; i < 30; i++) {
      driver.post(pattern(8), 8)
      await until(() => driver.cmdq.kickWanted, 'a kick to be asked for')
      expect(driver.cmdq.publish()).toBe(true)
      for (const used of await driver.cmdq.collect(1)) driver.answer(used)
    }
  })

  it.each([true, false])(
    'no message is lost, at whatever moment of the watch it comes: EVENT_IDX %s',
    async eventIdx => {
      const rig = await running({ pollUs, eventIdx })
      const { driver } = rig
      for (let i = 0; i < 200; i++) {
        await driver.exchange(pattern(8), 8)
        const end = performance.now() + ((i * 7) % 120) / 1000
        while (performance.now() < end) await new Promise(setImmediate)
      }
    },
  )

  it('a kick is taken when the event loop sleeps', async () => {
    let answered: () => void = () => {}
    const rig = await started({
      pollUs,
      onBatch: (count, backEnd) => {
        backEnd.echo(count)
        answered()
      },
    })
    for (let i = 0; i < 20; i++) {
      const batch = new Promise<void>(resolve => {
        answered = resolve
      })
      setTimeout(() => {
        rig.driver.post(pattern(8), 8)
        rig.driver.cmdq.publish()
      }, 2)
      await batch
      for (const used of await rig.driver.cmdq.collect(1)) rig.driver.answer(used)
    }
  })

  it.each([true, false])(
    'no message is lost to a driver on another core that kicks only when asked: EVENT_IDX %s',
    async eventIdx => {
      const rig = await started({ pollUs, size: 4, eventIdx })
      const { cmdq } = rig.driver
      const traffic = new Traffic(cmdq, rig.memory)
      const used = rig.memory.words16(cmdq.at.used, 3 + 4 * cmdq.size)
      // It has one message in flight at a time, so a lost one stops it.
      const child = sys.forkDriver(cmdq.available, used, 1, cmdq.kick, eventIdx ? 2 : 1)
      try {
        expect(traffic.depth).toBe(2)
        for (let round = 0; round < 25; round++) {
          const before = cmdq.usedIdx
          await until(
            () => cmdq.usedIdx !== before,
            () => `another message after ${before}`,
          )
          // Sometimes the event loop is blocked for a while, and then finds the device idle or polling.
          const away = performance.now() + (round % 3) * 0.4
          while (performance.now() < away);
          await new Promise(resolve => setTimeout(resolve, round % 2))
        }
      } finally {
        sys.killChild(child)
      }
      expect(rig.backEnd.takeSurprises()).toEqual([])
    },
  )

  it('a driver on another core that never stops sending does not starve the socket', async () => {
    const rig = await started({ pollUs, size: 64 })
    const { cmdq } = rig.driver
    const { depth } = new Traffic(cmdq, rig.memory)
    const child = sys.forkDriver(cmdq.available, cmdq.usedHeader, depth, cmdq.kick, 0)
    try {
      await until(() => rig.backEnd.batches.length > 0, 'traffic')
      for (let i = 0; i < 20; i++) await rig.frontEnd.sync()
      const before = cmdq.usedIdx
      await until(() => cmdq.usedIdx !== before, 'more traffic')
    } finally {
      sys.killChild(child)
    }
  })

  it('a driver that keeps the ring full does not starve the socket', async () => {
    const rig = await started({ pollUs, size: 256, form: 'indirect', eventIdx: true })
    const traffic = new Traffic(rig.driver.cmdq, rig.memory, { indirect: true, limitMs: 10_000 })
    const run = traffic.run(100_000)
    let trips = 0
    while (traffic.completed < 100_000) {
      await rig.frontEnd.sync()
      trips++
    }
    await run
    expect(trips).toBeGreaterThan(10)
  })
})

describe('call', () => {
  it('a new descriptor is signalled once, because the last signals may have gone to the old one', async () => {
    const rig = await running({})
    const fresh = sys.eventfd()
    rig.frontEnd.setCall(0, fresh)
    await rig.frontEnd.sync()
    expect(sys.readEvent(fresh)).toBe(1)
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    await until(() => sys.readEvent(fresh) === 1, 'the signal on the new descriptor')
    expect(rig.driver.cmdq.drainSignals()).toBe(0)
    closeSync(fresh)
  })

  it('without a descriptor messages are answered all the same', async () => {
    const rig = await running({})
    rig.frontEnd.setCall(0, undefined)
    await rig.frontEnd.sync()
    rig.driver.cmdq.drainSignals()
    expect(await signalsFor(rig, 3)).toBe(0)
  })

  it('[call-descriptor] a full eventfd does not stop the device', async () => {
    const rig = await running({})
    const { cmdq } = rig.driver
    // The largest count an eventfd takes, 2^64 - 2, is not a safe integer; the nearest that is leaves it writable, so
    // it is filled in doubling steps until a further signal would block.
    for (let step = 2 ** 62; step >= 1; step /= 2) {
      for (;;) {
        try {
          sys.writeEvent(cmdq.call, step)
        } catch {
          break
        }
      }
    }
    for (let i = 0; i < 4; i++) {
      rig.driver.post(pattern(8), 8)
      cmdq.publish()
      await until(() => cmdq.usedIdx === cmdq.nextAvailable, 'the message to be used')
    }
    await rig.frontEnd.sync()
    sys.readEvent(cmdq.call)
  })

  it('[call-descriptor] neither a pipe that nobody reads nor one whose reader is gone stops the device', async () => {
    const rig = await running({})
    const { cmdq } = rig.driver
    const [reader, writer] = sys.pipe()
    rig.frontEnd.setCall(0, writer)
    await rig.frontEnd.sync()
    const answer = async () => {
      rig.driver.post(pattern(8), 8)
      cmdq.publish()
      await until(() => cmdq.usedIdx === cmdq.nextAvailable, 'the message to be used')
      for (const used of cmdq.takeAll()) rig.driver.answer(used)
    }
    for (let i = 0; i < 9000; i++) await answer()
    closeSync(reader)
    for (let i = 0; i < 3; i++) await answer()
    closeSync(writer)
  })
})

describe('kick', () => {
  it('a new descriptor takes the place of the old one', async () => {
    const rig = await running({})
    const { cmdq } = rig.driver
    const fresh = sys.eventfd()
    rig.frontEnd.setKick(0, fresh)
    await rig.frontEnd.sync()
    rig.driver.post(pattern(8), 8)
    cmdq.storeIdx(cmdq.nextAvailable)
    sys.writeEvent(fresh, 1)
    await cmdq.collect(1)
    closeSync(fresh)
  })

  it('a descriptor that is readable before it is sent is not missed', async () => {
    const rig = await negotiated()
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    await rig.start()
    await rig.driver.cmdq.collect(1)
  })

  it('kicks without messages cause no batch', async () => {
    const rig = await running({})
    const { backEnd, driver } = rig
    const batches = backEnd.batches.length
    for (let i = 0; i < 2000; i++) {
      driver.cmdq.kickNow()
      if (i % 100 === 0) await turns(1)
    }
    await rig.frontEnd.sync()
    expect(backEnd.batches.length).toBe(batches)
    expect(driver.cmdq.drainSignals()).toBe(0)
  })

  it('a kick for a ring that was stopped is not taken', async () => {
    const rig = await running({})
    await rig.frontEnd.getBase(0)
    rig.driver.cmdq.kickNow()
    await turns()
    expect(sys.readEvent(rig.driver.cmdq.kick)).toBe(1)
  })
})

it('two devices in one process do not get each other’s kicks and signals', async () => {
  const one = await running({})
  const other = await running({})
  const before = other.backEnd.batches.length
  for (let i = 0; i < 5; i++) await one.driver.exchange(pattern(8), 8)
  expect(other.backEnd.batches.length).toBe(before)
  expect(other.backEnd).toBeInstanceOf(BackEnd)
  expect(other.backEnd.count(NativeEvent.CONNECTED)).toBe(1)
})
