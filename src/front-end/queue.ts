/**
 * The driver's side of one split virtqueue (virtio 1.3 §2.7), over shared memory: writes descriptors, makes chains
 * available, kicks, suppresses notifications, and takes used chains back. Tests can also write any value to any field, to
 * break the ring's rules.
 */
import { calls } from './calls.js'
import type { GuestMemory } from './memory.js'
import { AVAIL_NO_INTERRUPT, DESCRIPTOR_SIZE, Descriptor, USED_NO_NOTIFY } from './protocol.js'
import { until } from './wait.js'

/** A piece of guest-physical memory. */
export interface Piece {
  at: number
  length: number
}

/**
 * How a chain lies in the ring: `direct`, one descriptor per piece; `indirect`, one descriptor that points to a table;
 * `mixed`, the first piece direct and the others in a table.
 */
export type Form = 'direct' | 'indirect' | 'mixed'

export interface Chain {
  readable: readonly Piece[]
  writable: readonly Piece[]
  form?: Form
  /** Where the indirect table lies, at any alignment; default: memory of the queue's own. */
  table?: number
}

export interface Used {
  head: number
  length: number
}

export interface QueueOptions {
  index: number
  size: number
  eventIdx?: boolean
  /** Where the three parts lie; default: allocated one after the other. */
  at?: { descriptors?: number; available?: number; used?: number }
}

const TABLE_ENTRIES = 64

export class Queue {
  readonly index: number
  readonly size: number
  readonly eventIdx: boolean
  readonly at: { descriptors: number; available: number; used: number }
  /** flags, idx, ring[size], used_event */
  readonly available: Uint16Array
  /** flags, idx; the entries are in `usedEntries` */
  readonly usedHeader: Uint16Array
  /** (flags and idx), then id and length of each entry */
  readonly usedEntries: Uint32Array
  readonly kick = calls().eventfd()
  readonly call = calls().eventfd()
  /** Where QEMU sends the device's signals while the ring is being set up or torn down. */
  readonly masked = calls().eventfd()
  readonly error = calls().eventfd()
  /** Signals taken from `call`. */
  signals = 0
  kicks = 0
  /** avail.idx as this side counts it; the device sees it after `publish`. */
  nextAvailable = 0
  nextUsed = 0

  private readonly memory: GuestMemory
  private readonly table: DataView
  private readonly availEvent: Uint16Array
  private readonly tables: number
  private readonly free: number[] = []
  private readonly inChain: (readonly number[] | undefined)[] = []
  private published = 0

  constructor(memory: GuestMemory, options: QueueOptions) {
    const { size } = options
    this.memory = memory
    this.index = options.index
    this.size = size
    this.eventIdx = options.eventIdx ?? false
    this.at = {
      descriptors: options.at?.descriptors ?? memory.allocate(DESCRIPTOR_SIZE * size, 16),
      available: options.at?.available ?? memory.allocate(6 + 2 * size, 2),
      used: options.at?.used ?? memory.allocate(6 + 8 * size, 4),
    }
    this.table = memory.view(this.at.descriptors, DESCRIPTOR_SIZE * size)
    this.available = memory.words16(this.at.available, 3 + size)
    this.usedHeader = memory.words16(this.at.used, 2)
    this.usedEntries = memory.words32(this.at.used, 1 + 2 * size)
    this.availEvent = memory.words16(this.at.used + 4 + 8 * size, 1)
    this.tables = memory.allocate(TABLE_ENTRIES * DESCRIPTOR_SIZE * size, 16)
    for (let i = 0; i < size; i++) this.free.push(i)
  }

  get fds(): number[] {
    return [this.kick, this.call, this.masked, this.error]
  }

  get usedIdx(): number {
    return Atomics.load(this.usedHeader, 1)
  }

  get inFlight(): number {
    return (this.nextAvailable - this.nextUsed) & 0xffff
  }

  /** Zeroes the ring and forgets every chain, as a driver does after a reset of the device. */
  reset(): void {
    this.memory.fill(this.at.descriptors, DESCRIPTOR_SIZE * this.size, 0)
    this.available.fill(0)
    this.usedEntries.fill(0)
    this.availEvent[0] = 0
    this.free.length = 0
    this.inChain.length = 0
    for (let i = 0; i < this.size; i++) this.free.push(i)
    this.nextAvailable = this.published = this.nextUsed = 0
  }

  /** Lets both idx fields begin at `value`, as in a ring that has been in use. */
  startAt(value: number): void {
    this.nextAvailable = this.published = this.nextUsed = value
    Atomics.store(this.available, 1, value)
    Atomics.store(this.usedHeader, 1, value)
  }

  // Raw access: checks no rule.

  descriptor(i: number, at: number | bigint, length: number, flags = 0, next = 0): void {
    writeDescriptor(this.table, i, at, length, flags, next)
  }

  /** Writes a head into the next slot of avail.ring; the device sees it after `publish`. */
  offer(head: number): void {
    this.available[2 + (this.nextAvailable % this.size)] = head
    this.nextAvailable = (this.nextAvailable + 1) & 0xffff
  }

  /** Stores avail.idx, whatever was offered. */
  storeIdx(value: number): void {
    Atomics.store(this.available, 1, value & 0xffff)
  }

  kickNow(): void {
    this.kicks++
    calls().writeEvent(this.kick, 1)
  }

  // Access that keeps the rules.

  /** Writes a chain's descriptors and offers it. Returns its head. */
  post(chain: Chain): number {
    const { readable, writable, form = 'direct' } = chain
    const pieces = [
      ...readable.map(p => ({ ...p, flags: 0 })),
      ...writable.map(p => ({ ...p, flags: Descriptor.WRITE })),
    ]
    const direct =
      form === 'direct' || (form === 'mixed' && pieces.length === 1) ? pieces.length : form === 'mixed' ? 1 : 0
    const used = this.takeDescriptors(direct === pieces.length ? direct : direct + 1)
    const head = used[0]!
    for (let i = 0; i < used.length; i++) {
      const next = i + 1 < used.length ? Descriptor.NEXT : 0
      const piece = pieces[i]
      if (i < direct) this.descriptor(used[i]!, piece!.at, piece!.length, piece!.flags | next, used[i + 1] ?? 0)
      else this.indirect(used[i]!, chain.table ?? this.tableOf(head, pieces.length), pieces.slice(i))
    }
    this.inChain[head] = used
    this.offer(head)
    return head
  }

  /** Makes everything offered visible and kicks if the device asks for it. Returns whether it kicked. */
  publish(): boolean {
    // Sequentially consistent: the store is visible before the load of the device's flags (virtio 1.3 §2.7.13.4.1).
    Atomics.store(this.available, 1, this.nextAvailable)
    const wanted = this.kickWanted
    this.published = this.nextAvailable
    if (wanted) this.kickNow()
    return wanted
  }

  /** Whether the device asks for a kick for what was made available since the last publish(). */
  get kickWanted(): boolean {
    return this.eventIdx
      ? passed(Atomics.load(this.availEvent, 0), this.nextAvailable, this.published)
      : (Atomics.load(this.usedHeader, 0) & USED_NO_NOTIFY) === 0
  }

  /** Whether there is a used chain that was not taken yet. */
  get hasUsed(): boolean {
    return this.usedIdx !== this.nextUsed
  }

  /** The next used chain, its descriptors freed; undefined if there is none. */
  take(): Used | undefined {
    if (!this.hasUsed) return undefined
    const entry = 1 + 2 * (this.nextUsed % this.size)
    const head = this.usedEntries[entry]!
    const chain = this.inChain[head]
    if (!chain) throw new Error(`the device returned head ${head}, which is not in flight`)
    this.inChain[head] = undefined
    this.free.push(...chain)
    this.nextUsed = (this.nextUsed + 1) & 0xffff
    return { head, length: this.usedEntries[entry + 1]! }
  }

  takeAll(): Used[] {
    const all: Used[] = []
    for (let one = this.take(); one; one = this.take()) all.push(one)
    return all
  }

  /** Asks for a signal when a chain after those taken so far is used. */
  enableSignals(): void {
    Atomics.store(this.available, 0, 0)
    Atomics.store(this.available, 2 + this.size, this.nextUsed)
  }

  /** Asks for no signals: with EVENT_IDX by setting used_event to a distant entry. */
  disableSignals(): void {
    if (this.eventIdx) Atomics.store(this.available, 2 + this.size, (this.nextUsed - 0x4000) & 0xffff)
    else Atomics.store(this.available, 0, AVAIL_NO_INTERRUPT)
  }

  /** Asks for a signal when used.idx passes `index`. Only with EVENT_IDX. */
  signalAfter(index: number): void {
    Atomics.store(this.available, 2 + this.size, index & 0xffff)
  }

  /** Takes the signals that have arrived. */
  drainSignals(): number {
    const count = calls().readEvent(this.call)
    this.signals += count
    return count
  }

  /** Waits for `count` used chains as a driver does: looks again only after the device's signal. */
  async collect(count: number): Promise<Used[]> {
    const all: Used[] = []
    for (;;) {
      for (let one = this.take(); one; one = this.take()) all.push(one)
      if (all.length >= count) return all
      this.enableSignals()
      if (this.usedIdx !== this.nextUsed) continue
      await this.signal(() => `${count} used chains, ${all.length} so far, used.idx ${this.usedIdx}`)
    }
  }

  signal(what: string | (() => string) = 'a signal from the device'): Promise<void> {
    return until(() => this.drainSignals() > 0, what)
  }

  private tableOf(head: number, entries: number): number {
    if (entries > TABLE_ENTRIES) throw new Error(`a table of ${entries} entries needs a place`)
    return this.tables + head * TABLE_ENTRIES * DESCRIPTOR_SIZE
  }

  private takeDescriptors(count: number): number[] {
    if (this.free.length < count) throw new Error('the queue is full')
    return this.free.splice(0, count)
  }

  private indirect(i: number, table: number, pieces: readonly (Piece & { flags: number })[]): void {
    // Written as bytes, because a table may lie at any address and continue in the next region.
    const bytes = new Uint8Array(pieces.length * DESCRIPTOR_SIZE)
    const view = new DataView(bytes.buffer)
    for (const [k, p] of pieces.entries()) {
      const next = k + 1 < pieces.length ? Descriptor.NEXT : 0
      writeDescriptor(view, k, p.at, p.length, p.flags | next, k + 1)
    }
    this.memory.write(table, bytes)
    this.descriptor(i, table, bytes.length, Descriptor.INDIRECT)
  }
}

/** One `struct virtq_desc`. */
export function writeDescriptor(
  table: DataView,
  i: number,
  at: number | bigint,
  length: number,
  flags: number,
  next: number,
): void {
  const offset = i * DESCRIPTOR_SIZE
  if (typeof at === 'bigint') {
    table.setBigUint64(offset, at, true)
  } else {
    table.setUint32(offset, at % 0x1_0000_0000, true)
    table.setUint32(offset + 4, Math.floor(at / 0x1_0000_0000), true)
  }
  table.setUint32(offset + 8, length, true)
  table.setUint16(offset + 12, flags, true)
  table.setUint16(offset + 14, next, true)
}

/** Whether an idx that went from `old` to `now` has passed `event` (virtio 1.3 §2.7.10). */
export function passed(event: number, now: number, old: number): boolean {
  return ((now - event - 1) & 0xffff) < ((now - old) & 0xffff)
}
