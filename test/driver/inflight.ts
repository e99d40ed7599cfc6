/** The inflight region of the vhost-user specification ("Inflight I/O tracking", split ring), as a front end keeps it. */
import { closeSync } from 'node:fs'
import type { FrontEnd } from '../../src/front-end/front-end.js'
import { inflight, Request } from '../../src/front-end/protocol.js'
import { sys } from './syscalls.js'

const HEADER = 16
const ENTRY = 16

export class InflightRegion {
  readonly fd: number
  readonly bytes: number
  readonly offset: number
  readonly queues: number
  readonly queueSize: number
  private readonly map: ArrayBuffer

  private constructor(fd: number, bytes: number, offset: number, queues: number, queueSize: number) {
    this.fd = fd
    this.bytes = bytes
    this.offset = offset
    this.queues = queues
    this.queueSize = queueSize
    this.map = sys.map(fd, 0, offset + bytes)
  }

  /** Gets a region from the back end. */
  static async get(frontEnd: FrontEnd, queues: number, queueSize: number): Promise<InflightRegion> {
    frontEnd.send(Request.GET_INFLIGHT_FD, inflight(0, 0, queues, queueSize))
    const { payload, fds } = await frontEnd.reply(Request.GET_INFLIGHT_FD, 24, 1)
    const view = new DataView(payload.buffer, payload.byteOffset)
    const size = Number(view.getBigUint64(0, true))
    const offset = Number(view.getBigUint64(8, true))
    return new InflightRegion(fds[0]!, size, offset, view.getUint16(16, true), view.getUint16(18, true))
  }

  /** Makes a region with the bytes of another, or of a snapshot. */
  static copy(bytes: Uint8Array, queues: number, queueSize: number): InflightRegion {
    const region = new InflightRegion(sys.memfd('guest', bytes.length, true), bytes.length, 0, queues, queueSize)
    new Uint8Array(region.map).set(bytes)
    return region
  }

  /** Hands it to the back end; returns the acknowledgement. */
  set(frontEnd: FrontEnd): Promise<bigint> {
    const payload = inflight(this.bytes, this.offset, this.queues, this.queueSize)
    return frontEnd.acknowledge(Request.SET_INFLIGHT_FD, payload, [this.fd])
  }

  snapshot(): Uint8Array {
    return new Uint8Array(this.map, this.offset, this.bytes).slice()
  }

  /** The part of one queue. */
  queue(index: number): InflightQueue {
    const part = Math.ceil((HEADER + ENTRY * this.queueSize) / 64) * 64
    return new InflightQueue(new DataView(this.map, this.offset + index * part, part), this.queueSize)
  }

  close(): void {
    sys.unmap(this.map)
    closeSync(this.fd)
  }
}

/** features u64, version u16, desc_num u16, last_batch_head u16, used_idx u16, then {inflight u8, next u16, counter u64}. */
export class InflightQueue {
  readonly view: DataView
  private readonly size: number

  constructor(view: DataView, size: number) {
    this.view = view
    this.size = size
  }

  set header(fields: { version: number; lastBatchHead: number; usedIdx: number }) {
    this.view.setUint16(8, fields.version, true)
    this.view.setUint16(10, this.size, true)
    this.view.setUint16(12, fields.lastBatchHead, true)
    this.view.setUint16(14, fields.usedIdx, true)
  }

  get usedIdx(): number {
    return this.view.getUint16(14, true)
  }

  set usedIdx(value: number) {
    this.view.setUint16(14, value, true)
  }

  setEntry(head: number, fields: { inflight: number; next?: number; counter: number }): void {
    const at = HEADER + ENTRY * head
    this.view.setUint8(at, fields.inflight)
    this.view.setUint16(at + 6, fields.next ?? 0, true)
    this.view.setBigUint64(at + 8, BigInt(fields.counter), true)
  }

  /** The entry that was completed before this one. */
  next(head: number): number {
    return this.view.getUint16(HEADER + ENTRY * head + 6, true)
  }

  /** Heads in flight, in the order they were taken. */
  get inFlight(): number[] {
    const heads: number[] = []
    for (let i = 0; i < this.size; i++) if (this.view.getUint8(HEADER + ENTRY * i) === 1) heads.push(i)
    const counter = (head: number) => Number(this.view.getBigUint64(HEADER + ENTRY * head + 8, true))
    return heads.sort((a, b) => counter(a) - counter(b))
  }
}
