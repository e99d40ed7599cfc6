/** Random front ends and guests, from a printed seed. Nothing may crash, leak, or access memory out of bounds. */
import { closeSync } from 'node:fs'
import { expect, it } from 'vitest'
import {
  BATCH_HEADER,
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_LENGTH,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_TICKET,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  MESSAGE_MAX,
  NativeEvent,
  WRITTEN_LATER,
} from '../../src/device/native.js'
import type { FrontEnd } from '../../src/front-end/front-end.js'
import { Descriptor, REPLY_FLAGS, VERSION } from '../../src/front-end/protocol.js'
import { firstConnection } from '../../src/front-end/qemu.js'
import { writeDescriptor } from '../../src/front-end/queue.js'
import { turns } from '../../src/front-end/wait.js'
import { Random } from '../driver/random.js'
import { sys } from '../driver/syscalls.js'
import { fdsFor, MEMORY, ROWS } from './requests.js'
import { type BackEnd, connected, pattern, type Rig, reversed, started } from './rig.js'

const BUDGET_MS = Number(process.env.FUZZ_MS ?? 2500)

/** Runs `round` until the time is over; a failure names the seed of its round. */
async function fuzz(what: string, round: (random: Random) => Promise<void>): Promise<void> {
  const seeds = new Random()
  console.info(`${what}: FUZZ_SEED=${seeds.seed}`)
  const end = performance.now() + BUDGET_MS
  // The first round uses the seed itself, so that FUZZ_SEED repeats any round at once.
  for (let seed = seeds.seed, rounds = 0; rounds === 0 || performance.now() < end; rounds++) {
    try {
      await round(new Random(seed))
    } catch (error) {
      throw new Error(`${what}, FUZZ_SEED=${seed}: ${(error as Error).message}`, { cause: error })
    }
    seed = seeds.below(0x1_0000_0000)
  }
}

/** Every entry of a batch lies in its window, whatever the guest wrote. */
function checkEntries(count: number, { batch, windows }: BackEnd): void {
  for (let i = 0, entry = BATCH_HEADER; i < count; i++, entry += ENTRY_WORDS) {
    const request = windows[batch[entry + ENTRY_REQUEST_WINDOW]!]
    const reply = windows[batch[entry + ENTRY_REPLY_WINDOW]!]
    const length = batch[entry + ENTRY_REQUEST_LENGTH]!
    const given = batch[entry + ENTRY_REQUEST_WINDOW] === 0 ? Math.min(length, MESSAGE_MAX) : length
    const capacity = batch[entry + ENTRY_REPLY_CAPACITY]!
    if (!request || batch[entry + ENTRY_REQUEST_OFFSET]! + given > request.byteLength)
      throw new Error('request out of bounds')
    if (!reply || batch[entry + ENTRY_REPLY_OFFSET]! + capacity > reply.byteLength)
      throw new Error('reply out of bounds')
    if (batch[entry + ENTRY_REPLY_WINDOW] === 0 && capacity > MESSAGE_MAX)
      throw new Error('reply beyond scratch memory')
  }
}

/** A random message: mostly a correct one with something wrong about it. */
function randomMessage(rig: Rig, random: Random): void {
  const row = random.pick(ROWS)
  let payload = Uint8Array.from(row.payload(rig))
  let fds = fdsFor(rig, row)
  if (random.once(3) && payload.length > 0) payload[random.below(payload.length)] = random.below(256)
  if (random.once(6) && payload.length >= 8) {
    const word = random.below(payload.length / 8) * 8
    new DataView(payload.buffer).setBigUint64(word, random.nasty64(), true)
  }
  if (random.once(12)) payload = Uint8Array.from(random.bytes(random.below(300)))
  if (random.once(20)) payload = payload.slice(0, random.below(payload.length + 1))
  if (random.once(12)) fds = fds.slice(1)
  if (random.once(12)) fds = [...fds, ...Array<number>(random.below(6)).fill(rig.driver.cmdq.call)]
  const request = random.once(20) ? random.below(60) : row.request
  const flags = random.once(60) ? random.below(256) : random.once(3) ? VERSION : VERSION | 8
  const size = random.once(100) ? random.below(6000) : payload.length
  rig.frontEnd.send(request, payload, { flags, size, fds })
}

/** Reads what has come; the connection may be gone. Every frame must be a reply. */
function drain(frontEnd: FrontEnd): 'open' | 'closed' {
  for (;;) {
    const frame = frontEnd.poll()
    if (frame === undefined) return 'open'
    if (frame === 'closed') return 'closed'
    if (frame.flags !== REPLY_FLAGS) throw new Error(`a reply with flags 0x${frame.flags.toString(16)}`)
    for (const fd of frame.fds) closeSync(fd)
  }
}

it('survives random front ends', async () => {
  await fuzz('messages', async random => {
    const rig = await connected({
      memory: MEMORY,
      memSlots: true,
      size: 16,
      onBatch: (count, backEnd) => {
        checkEntries(count, backEnd)
        backEnd.echo(count)
      },
    })
    for (let connection = 0; connection < 6; connection++) {
      if (random.once(2)) await firstConnection(rig.frontEnd, rig.driver.queues)
      if (random.once(2)) await rig.start()
      for (let i = random.below(60); i > 0; i--) {
        try {
          randomMessage(rig, random)
        } catch (error) {
          // The back end has closed the connection; the error code depends on the moment.
          if (!['EPIPE', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
          break
        }
        if (random.once(4)) rig.driver.cmdq.kickNow()
        if (random.once(8)) rig.driver.cmdq.storeIdx(rig.driver.cmdq.usedIdx + random.below(3))
        if (random.once(3)) await turns(1)
        if (drain(rig.frontEnd) === 'closed') break
        rig.device.peekEvent()
      }
      await rig.reconnect()
      rig.driver.reset()
      for (const queue of rig.driver.queues) for (const fd of queue.fds) sys.readEvent(fd)
    }
    rig.backEnd.takeSurprises()
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
    rig.backEnd.takeSurprises()
    await rig.close()
  })
})

const POOL = 64 << 10

interface Touched {
  /** Bytes of the pool that writable descriptors cover. */
  writable: Uint8Array
  /** A writable descriptor points to somewhere else, so the rings may be overwritten as well. */
  wild: boolean
}

it('survives random rings, and writes only where it may', async () => {
  await fuzz('rings', async random => {
    const size = 1 << random.below(7)
    const tickets: number[] = []
    let holding = random.once(2)
    const rig = await started({
      size,
      form: 'indirect',
      eventIdx: random.once(2),
      pollUs: random.pick([0, 50]),
      onBatch: (count, backEnd) => {
        checkEntries(count, backEnd)
        backEnd.echo(count)
        if (holding) holdSome(count, backEnd, random, tickets)
      },
    })
    const { memory, driver, frontEnd, backEnd } = rig
    const { cmdq } = driver
    const pool = memory.allocate(POOL, 4096)
    const tables = memory.allocate(POOL, 4096)
    for (let generation = 0; generation < 12; generation++) {
      memory.write(pool, random.bytes(256))
      const before = memory.read(pool, POOL)
      const touched: Touched = { writable: new Uint8Array(POOL), wild: false }
      for (let i = 0; i < size; i++) randomDescriptor(rig, random, { pool, tables }, touched, i)
      const offered = random.below(size + 1)
      for (let i = 0; i < offered; i++) cmdq.offer(random.once(30) ? random.below(0x1_0000) : random.below(size))
      cmdq.storeIdx(random.once(20) ? random.below(0x1_0000) : cmdq.nextAvailable)
      cmdq.kickNow()
      for (let i = 0; i < 4; i++) {
        await frontEnd.sync()
        randomDescriptor(rig, random, { pool, tables }, touched, random.below(size))
        // Mostly a valid ticket, sometimes an old or an invented one.
        const ticket = random.once(8) ? random.pick([random.below(0x1_0000_0000), ...tickets]) : tickets.pop()
        rig.device.completeHeld(ticket ?? 0, random.bytes(random.below(128)))
        cmdq.kickNow()
      }
      await frontEnd.sync()
      const faults = backEnd.takeSurprises()
      if (faults.length > 1) throw new Error(`more than one fault: ${faults.map(f => f.text).join('; ')}`)
      if (!touched.wild) {
        const used = cmdq.usedIdx
        if (faults.length === 0 && used > offered) throw new Error(`${used} chains used, ${offered} offered`)
        const after = memory.read(pool, POOL)
        for (let i = 0; i < POOL; i++) {
          if (after[i] !== before[i] && !touched.writable[i])
            throw new Error(`byte ${i} was written, and is not writable`)
        }
      }
      for (const queue of driver.queues) await frontEnd.getBase(queue.index)
      driver.reset()
      sys.readEvent(cmdq.kick)
      await rig.start()
    }
    holding = false
    driver.reset()
    await rig.reconnect()
    await rig.start()
    // A ring of size 1 has no room for a reply.
    const writable = size > 1 ? [{ at: pool + 8, length: 8 }] : []
    cmdq.post({ readable: [{ at: pool, length: 8 }], writable, form: 'indirect' })
    cmdq.publish()
    expect(await cmdq.collect(1)).toMatchObject([{ length: size > 1 ? 8 : 0 }])
    expect(backEnd.count(NativeEvent.QUEUE_STARTED, 0)).toBeGreaterThan(12)
    await rig.close()
  })
})

/** Leaves some messages of a batch to be answered later. */
function holdSome(count: number, { batch }: BackEnd, random: Random, tickets: number[]): void {
  for (let i = 0, entry = BATCH_HEADER; i < count; i++, entry += ENTRY_WORDS) {
    if (random.once(2)) continue
    batch[entry + ENTRY_WRITTEN] = WRITTEN_LATER
    tickets.push(batch[entry + ENTRY_TICKET]!)
  }
}

/** Writes descriptor `i`, most often one that makes sense. */
function randomDescriptor(
  rig: Rig,
  random: Random,
  at: { pool: number; tables: number },
  touched: Touched,
  i: number,
): void {
  const { memory, driver } = rig
  const { size } = driver.cmdq
  const entry = (): [number | bigint, number, number] => {
    const flags = random.below(8) & (random.once(2) ? 3 : random.once(8) ? 7 : 2)
    const length = random.once(10) ? random.below(POOL) : random.below(64)
    if (random.once(25)) {
      const wild = random.once(2) ? random.nasty64() : memory.regions[0]!.guest + random.below(memory.regions[0]!.size)
      if (flags & Descriptor.WRITE) touched.wild = true
      return [wild, random.once(2) ? length : random.below(0x1_0000_0000), flags]
    }
    const offset = random.below(POOL - length)
    if (flags & Descriptor.WRITE) touched.writable.fill(1, offset, offset + length)
    return [at.pool + offset, length, flags]
  }
  if (random.once(3)) {
    const count = 1 + random.below(random.once(10) ? size + 2 : Math.min(size, 6))
    const table = at.tables + random.below(POOL - count * 16)
    const bytes = new Uint8Array(count * 16)
    const view = new DataView(bytes.buffer)
    for (let k = 0; k < count; k++) {
      const [address, length, flags] = entry()
      const next = random.once(20) ? random.below(0x1_0000) : Math.min(k + 1, count - 1)
      writeDescriptor(
        view,
        k,
        address,
        length,
        k + 1 < count && !random.once(9) ? flags | Descriptor.NEXT : flags,
        next,
      )
    }
    memory.write(table, bytes)
    driver.cmdq.descriptor(i, table, random.once(20) ? random.below(9999) : bytes.length, Descriptor.INDIRECT)
    return
  }
  const [address, length, flags] = entry()
  driver.cmdq.descriptor(i, address, length, flags, random.once(20) ? random.below(0x1_0000) : random.below(size))
}
