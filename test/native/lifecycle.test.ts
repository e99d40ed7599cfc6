/** Connections and their ends: who may connect when, and what is left afterwards. */
import { closeSync, existsSync, openSync, statSync, unlinkSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type NativeDevice, NativeEvent } from '../../src/device/native.js'
import { Driver } from '../../src/front-end/driver.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { GuestMemory } from '../../src/front-end/memory.js'
import { Feature, Request } from '../../src/front-end/protocol.js'
import { driverOk, firstConnection } from '../../src/front-end/qemu.js'
import { turns, until } from '../../src/front-end/wait.js'
import { memoryMappings } from '../driver/resources.js'
import { sys } from '../driver/syscalls.js'
import { Traffic } from '../driver/traffic.js'
import { BackEnd, connected, pattern, reversed, socketPath, started, withoutLeak } from './rig.js'

/** 200 forks of this process in turn take more than half a minute on a busy machine. */
const FORKS_LIMIT_MS = 300_000

/** A whole session: first connection, DRIVER_OK, one message. */
async function converse(frontEnd: FrontEnd): Promise<void> {
  const memory = GuestMemory.flat()
  const driver = new Driver(memory, { size: 16 })
  await firstConnection(frontEnd, driver.queues)
  await driverOk(frontEnd, { features: Feature.VERSION_1 | Feature.PROTOCOL_FEATURES, memory, queues: driver.queues })
  expect((await driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
  driver.close()
  memory.close()
}

const closed = (device: NativeDevice) => onTestFinished(() => device.close())

describe('ways to connect', () => {
  it('listen: a front end connects', async () => {
    const path = socketPath()
    await withoutLeak(async () => {
      const { device } = new BackEnd()
      device.listen(path)
      const frontEnd = FrontEnd.connect(path)
      await converse(frontEnd)
      frontEnd.close()
      device.close()
      expect(existsSync(path)).toBe(true)
    })
  })

  it('dial: the device connects to a front end that listens, again and again', async () => {
    const path = socketPath()
    await withoutLeak(async () => {
      const backEnd = new BackEnd()
      const listener = sys.listen(path)
      for (let i = 1; i <= 3; i++) {
        expect(backEnd.device.dial(path)).toBe(true)
        const frontEnd = new FrontEnd(sys.accept(listener))
        await converse(frontEnd)
        frontEnd.close()
        await backEnd.seen(NativeEvent.DISCONNECTED, i)
      }
      backEnd.device.close()
      closeSync(listener)
    })
  })

  it('dial returns false if nobody listens: no socket, or one whose listener is gone', async () => {
    const path = socketPath()
    await withoutLeak(async () => {
      const { device } = new BackEnd()
      expect(device.dial(path)).toBe(false)
      closeSync(sys.listen(path))
      expect(device.dial(path)).toBe(false)
      device.close()
    })
  })

  it('dial throws for a path that can not work', () => {
    const { device } = new BackEnd()
    closed(device)
    expect(() => device.dial('x'.repeat(200))).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }))
    expect(() => device.dial('/etc/passwd/x')).toThrow(expect.objectContaining({ code: 'ENOTDIR' }))
  })

  it('adopt takes a listening socket', async () => {
    const path = socketPath()
    const { device } = new BackEnd()
    closed(device)
    device.adopt(sys.listen(path))
    const frontEnd = FrontEnd.connect(path)
    await converse(frontEnd)
    frontEnd.close()
  })

  it('adopt takes a connected socket, and reports its end', async () => {
    await withoutLeak(async () => {
      const [ours, theirs] = sys.socketPair()
      const backEnd = new BackEnd()
      backEnd.device.adopt(theirs)
      const frontEnd = new FrontEnd(ours)
      await converse(frontEnd)
      frontEnd.close()
      await backEnd.seen(NativeEvent.DISCONNECTED)
      backEnd.device.close()
    })
  })

  it('adopt takes a blocking socket without blocking on it', async () => {
    const path = socketPath()
    const listener = sys.listen(path)
    const frontEnd = FrontEnd.connect(path)
    const { device } = new BackEnd()
    closed(device)
    device.adopt(sys.accept(listener))
    closeSync(listener)
    frontEnd.raw(new Uint8Array([1, 0, 0]))
    await turns()
    frontEnd.raw(new Uint8Array([0, 1, 0, 0, 0, 0, 0, 0, 0]))
    expect(await frontEnd.frame()).toMatchObject({ request: Request.GET_FEATURES })
    frontEnd.close()
  })

  it('adopt throws for anything but a Unix stream socket, and leaves it open', () => {
    const { device } = new BackEnd()
    closed(device)
    const file = openSync('/dev/null', 'r')
    const event = sys.eventfd()
    const [reader, writer] = sys.pipe()
    for (const fd of [file, event, reader, writer]) {
      expect(() => device.adopt(fd)).toThrow(Error)
      closeSync(fd)
    }
    for (const fd of [-1, 99_999]) expect(() => device.adopt(fd)).toThrow(Error)
  })

  it('listen throws an error with a code', async () => {
    const path = socketPath()
    await withoutLeak(async () => {
      const one = new BackEnd().device
      const other = new BackEnd().device
      one.listen(path)
      expect(() => other.listen(path)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }))
      expect(() => other.listen('/nowhere/socket')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
      expect(() => other.listen('/etc/passwd/x')).toThrow(expect.objectContaining({ code: 'ENOTDIR' }))
      expect(() => other.listen(`/${'x'.repeat(200)}`)).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }))
      unlinkSync(path)
      other.listen(path)
      one.close()
      other.close()
      expect(statSync(path).isSocket()).toBe(true)
    })
  })
})

describe('[second-front-end] one front end at a time', () => {
  it('a second one waits, unnoticed by the first, and is served after it', async () => {
    const rig = await started()
    const second = rig.own(FrontEnd.connect(rig.path))
    second.send(Request.GET_FEATURES)
    for (let i = 0; i < 10; i++) expect((await rig.driver.exchange(pattern(8, i), 8)).length).toBe(8)
    expect(second.poll()).toBeUndefined()
    expect(rig.backEnd.count(NativeEvent.CONNECTED)).toBe(1)
    rig.frontEnd.close()
    await second.reply(Request.GET_FEATURES, 8)
    expect(rig.backEnd.count(NativeEvent.CONNECTED)).toBe(2)
    rig.frontEnd = second
    rig.driver.reset()
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('a third and a fourth that came and went in the meantime do no harm', async () => {
    const rig = await started()
    for (let i = 0; i < 8; i++) FrontEnd.connect(rig.path).close()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    rig.frontEnd.close()
    rig.frontEnd = FrontEnd.connect(rig.path)
    await rig.frontEnd.sync()
  })

  it('CONNECTED and DISCONNECTED come in turn, with a reason', async () => {
    const rig = await connected()
    for (let i = 0; i < 3; i++) await rig.reconnect()
    await rig.frontEnd.sync()
    const { CONNECTED, DISCONNECTED } = NativeEvent
    const order = rig.backEnd.happenings.map(h => h.event).filter(e => e === CONNECTED || e === DISCONNECTED)
    expect(order).toEqual([CONNECTED, DISCONNECTED, CONNECTED, DISCONNECTED, CONNECTED, DISCONNECTED, CONNECTED])
    for (const h of rig.backEnd.happenings) if (h.event === DISCONNECTED) expect(h.text).not.toBe('')
  })
})

describe('many', () => {
  it('a thousand connections leave nothing behind', async () => {
    const path = socketPath()
    await withoutLeak(async () => {
      const backEnd = new BackEnd()
      backEnd.device.listen(path)
      for (let i = 1; i <= 1000; i++) {
        const frontEnd = FrontEnd.connect(path)
        if (i % 3 > 0) await frontEnd.sync()
        if (i % 5 === 0) frontEnd.raw(new Uint8Array(i % 12))
        frontEnd.close()
        if (i % 10 === 0) await turns(3)
      }
      await until(() => {
        const { CONNECTED, DISCONNECTED } = NativeEvent
        return backEnd.count(CONNECTED) > 0 && backEnd.count(CONNECTED) === backEnd.count(DISCONNECTED)
      }, 'the last connection to end')
      const frontEnd = FrontEnd.connect(path)
      await converse(frontEnd)
      frontEnd.close()
      backEnd.device.close()
    })
  })

  it('two hundred devices leave nothing behind', async () => {
    await withoutLeak(async () => {
      for (let i = 0; i < 200; i++) {
        const [ours, theirs] = sys.socketPair()
        const { device } = new BackEnd()
        device.adopt(theirs)
        if (i % 20 === 0) await converse(new FrontEnd(ours))
        closeSync(ours)
        if (i % 2 === 0) await turns(1)
        device.close()
      }
    })
  })

  it(
    'a front end killed in the middle of traffic, 200 times, leaves no descriptor and no mapping',
    async () => {
      const path = socketPath()
      await withoutLeak(async () => {
        const backEnd = new BackEnd()
        backEnd.device.listen(path)
        const mappings = memoryMappings()
        for (let i = 1; i <= 200; i++) {
          const memory = GuestMemory.flat()
          const driver = new Driver(memory, { size: 64 })
          const frontEnd = FrontEnd.connect(path)
          await firstConnection(frontEnd, driver.queues)
          await driverOk(frontEnd, {
            features: Feature.VERSION_1 | Feature.PROTOCOL_FEATURES,
            memory,
            queues: driver.queues,
          })
          const traffic = new Traffic(driver.cmdq, memory)
          traffic.offerUpTo(traffic.depth)
          // From now on another process is the front end: it holds the socket and sends messages until it is killed.
          const { available, usedHeader, kick } = driver.cmdq
          const child = sys.forkDriver(available, usedHeader, traffic.depth, kick, 0)
          frontEnd.close()
          const answered = backEnd.batches.length
          await until(() => backEnd.batches.length > answered + (i % 4), 'traffic')
          if (i % 5 === 0) await turns(i % 7)
          sys.killChild(child)
          await backEnd.seen(NativeEvent.DISCONNECTED, i)
          driver.close()
          memory.close()
          expect(memoryMappings()).toBe(mappings)
        }
        const faults = backEnd.takeSurprises()
        expect(faults).toEqual([])
        const frontEnd = FrontEnd.connect(path)
        await converse(frontEnd)
        frontEnd.close()
        backEnd.device.close()
      })
    },
    FORKS_LIMIT_MS,
  )

  it('a front end that dies at any byte of the first connection leaves nothing behind', async () => {
    const path = socketPath()
    await withoutLeak(async () => {
      const backEnd = new BackEnd()
      backEnd.device.listen(path)
      const memory = GuestMemory.flat(1 << 20)
      const driver = new Driver(memory, { size: 8, eventSize: 8 })
      const record = new Recorder()
      const features = Feature.VERSION_1 | Feature.PROTOCOL_FEATURES
      const first = FrontEnd.connect(path)
      record.attach(first)
      await firstConnection(first, driver.queues)
      await driverOk(first, { features, memory, queues: driver.queues })
      first.close()
      for (let stop = 0; stop < record.length; stop++) {
        const frontEnd = FrontEnd.connect(path)
        record.replay(frontEnd, stop)
        if (stop % 3 === 0) await turns(2)
        frontEnd.close()
      }
      driver.close()
      memory.close()
      await turns()
      backEnd.device.close()
      expect(backEnd.takeSurprises()).toEqual([])
    })
  })
})

/** Records what a front end sends, and replays a part of it. */
class Recorder {
  private readonly messages: { bytes: Uint8Array; fds: readonly number[] }[] = []

  attach(frontEnd: FrontEnd): void {
    const raw = frontEnd.raw.bind(frontEnd)
    frontEnd.raw = (bytes, fds = []) => {
      this.messages.push({ bytes, fds })
      raw(bytes, fds)
    }
  }

  get length(): number {
    return this.messages.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** Sends the first `length` bytes; descriptors go with the first byte of their message. */
  replay(frontEnd: FrontEnd, length: number): void {
    for (const { bytes, fds } of this.messages) {
      const part = bytes.subarray(0, length)
      if (part.length > 0) frontEnd.raw(part, fds)
      length -= part.length
    }
  }
}
