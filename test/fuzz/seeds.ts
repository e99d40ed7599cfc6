/**
 * The seed corpus of the fuzz targets: what correct front ends and guests do, as steps that session.cc and ring.cc decode.
 * The files in corpus/ are generated from it.
 */
import type { FrontEnd } from '../../src/front-end/front-end.js'
import type { GuestMemory } from '../../src/front-end/memory.js'
import { Descriptor, HEADER_SIZE, join } from '../../src/front-end/protocol.js'
import type { Queue } from '../../src/front-end/queue.js'

/** As harness.h numbers them. */
const FdKind = { MEMORY: 0, KICK_0: 1, KICK_1: 2, CALL: 3, EVENT: 4 } as const
/** As session.cc numbers them. */
const Session = { SEND: 0, RAW: 1, KICK: 2, EVENT: 3, RECONNECT: 4, UNREAD: 5, POKE: 6, TRUNCATE: 7 } as const
/** As ring.cc numbers them; with QUEUE_1 for the event queue. */
const Ring = {
  DESCRIPTOR: 0,
  TABLE: 1,
  OFFER: 2,
  WISH: 4,
  KICK: 5,
  EVENT: 6,
  RESTART: 7,
  TRUNCATE: 9,
  WRITTEN: 10,
  LATE: 12,
} as const
const QUEUE_1 = 0x80

/** The guest memory of the targets. */
export const MEMORY_BYTES = 256 << 10

const u16 = (value: number) => [value & 0xff, (value >> 8) & 0xff]
const bytes = (...parts: (number | number[])[]) => Uint8Array.from(parts.flat())

/** Records what a front end sends, as steps of the session target. */
export class SessionRecorder {
  readonly #steps: Uint8Array[] = []
  #kinds = new Map<number, number>()

  /** Records everything that `frontEnd` sends from now on. */
  attach(frontEnd: FrontEnd, memory: GuestMemory, queues: readonly Queue[]): void {
    for (const fd of memory.fds) this.#kinds.set(fd, FdKind.MEMORY)
    for (const { index, kick, call, masked } of queues) {
      this.#kinds.set(kick, index === 0 ? FdKind.KICK_0 : FdKind.KICK_1)
      for (const fd of [call, masked]) this.#kinds.set(fd, FdKind.CALL)
    }
    const raw = frontEnd.raw.bind(frontEnd)
    frontEnd.raw = (frame, fds = []) => {
      this.#frame(frame, fds)
      raw(frame, fds)
    }
  }

  #frame(frame: Uint8Array, fds: readonly number[]): void {
    const [request, flags] = [frame[0]!, frame[4]!]
    const kinds = fds.map(fd => this.#kinds.get(fd) ?? FdKind.EVENT)
    const payload = frame.subarray(HEADER_SIZE)
    this.#steps.push(bytes(Session.SEND, request, flags, kinds.length, kinds, 0, u16(payload.length)), payload)
  }

  /** Records the contents of memory, except for zeros. */
  memory(memory: GuestMemory): void {
    const { guest, size } = memory.regions[0]!
    const words = memory.read(guest, size)
    for (let at = 0; at < size; at += 8) {
      const word = words.subarray(at, at + 8)
      if (word.some(byte => byte !== 0)) this.#steps.push(bytes(Session.POKE, u16(at / 4)), Uint8Array.from(word))
    }
  }

  kick(queue: number): void {
    this.#steps.push(bytes(Session.KICK, queue))
  }

  event(size: number): void {
    this.#steps.push(bytes(Session.EVENT, u16(size)))
  }

  reconnect(): void {
    this.#steps.push(bytes(Session.RECONNECT))
  }

  take(): Uint8Array {
    return join(...this.#steps.splice(0))
  }
}

/** Rings of 2^n entries. */
const how = (sizeBits: number, eventSizeBits: number, flags = 0) => bytes(sizeBits | flags, eventSizeBits)
const EVENT_IDX = 0x08
const INFLIGHT = 0x20

/** A place in the pool; address() of ring.cc. */
const pool = (offset: number) => [...u16(offset), 5]
/** Just before the end of the first region: data there continues in the next one. */
const boundary = (before: number) => [...u16(before), 0]

const descriptor = (index: number, at: number[], length: number, flags: number, next = 0, queue = 0) =>
  bytes(Ring.DESCRIPTOR | queue, index, at, length, flags, next)
const entry = (table: number, index: number, at: number[], length: number, flags: number, next = 0) =>
  bytes(Ring.TABLE, table, index, at, length, flags, next)
const offer = (head: number, queue = 0) => bytes(Ring.OFFER | queue, head)
const kick = (queue = 0) => bytes(Ring.KICK | queue)
const event = (size: number) => bytes(Ring.EVENT, u16(size))
/** Lengths of tables are counted in entries with this flag. */
const ENTRIES = 0x40

const { NEXT, WRITE, INDIRECT } = Descriptor
/** A command of 8 bytes with 136 for the reply, as Linux posts them. */
const command = (at = 0) => [
  descriptor(at, pool(0), 8, NEXT, at + 1),
  descriptor(at + 1, pool(64), 136, WRITE),
  offer(at),
]
const eventBuffer = (index: number) => [descriptor(index, pool(256), 136, WRITE, 0, QUEUE_1), offer(index, QUEUE_1)]

/** Actions of guests, as steps of the ring target. */
export const RING_SEEDS: Readonly<Record<string, Uint8Array>> = {
  direct: join(how(4, 4), ...command(), ...command(2), kick(), ...command(), kick()),
  'event-idx': join(how(4, 4, EVENT_IDX), ...command(), kick(), bytes(Ring.WISH, 0, u16(2)), ...command(2), kick()),
  indirect: join(
    how(4, 4),
    entry(32, 0, pool(0), 8, NEXT, 1),
    entry(32, 1, pool(64), 136, WRITE),
    descriptor(0, pool(32 * 64), 2, INDIRECT | ENTRIES),
    offer(0),
    kick(),
  ),
  scattered: join(
    how(4, 4),
    descriptor(0, boundary(5), 12, NEXT, 1),
    descriptor(1, pool(7), 3, NEXT, 2),
    descriptor(2, boundary(2), 8, NEXT | WRITE, 3),
    descriptor(3, pool(99), 1, WRITE),
    offer(0),
    kick(),
  ),
  events: join(how(3, 3), ...eventBuffer(0), ...eventBuffer(1), kick(QUEUE_1), event(16), event(200), event(4)),
  restart: join(how(2, 2), ...command(), kick(), bytes(Ring.RESTART, 0), ...command(), kick()),
  inflight: join(how(2, 2, INFLIGHT), ...command(), kick(), ...eventBuffer(0), event(8), bytes(Ring.RESTART, 0)),
  later: join(how(4, 4), bytes(Ring.WRITTEN, 2), ...command(), ...command(2), kick(), bytes(Ring.LATE, 1, u16(8))),
  truncated: join(how(2, 2), ...command(), bytes(Ring.TRUNCATE, 1), ...command(), kick()),
}
