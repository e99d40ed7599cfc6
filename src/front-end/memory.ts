/**
 * Guest memory as a front end shares it: regions of guest-physical addresses, each a part of a memory file, with its own
 * front-end address. Knows nothing about rings. Parts of the files are mapped on first access, so a sparse file of many
 * GiB costs nothing.
 */
import { closeSync, ftruncateSync } from 'node:fs'
import { calls } from './calls.js'
import type { WireRegion } from './protocol.js'

const PAGE = 4096
/** A region up to this size is mapped whole, a larger one in pieces of MAP_PIECE. */
const MAP_WHOLE = 64 << 20
const MAP_PIECE = 1 << 20

export interface RegionSpec {
  /** Guest-physical address of the first byte. */
  guest: number
  size: number
  /** Offset of the first byte in its file; default: one page after the last region of the same file. */
  offset?: number
  /** Front-end address of the first byte; the default has no fixed distance from `guest`. */
  user?: number
  /** Regions with the same number share a file. Default 0. */
  file?: number
}

/** One region at 1 GiB, as QEMU's `virt` machine has it. */
export const FLAT: RegionSpec = { guest: 0x4000_0000, size: 4 << 20 }

export interface Region extends WireRegion {
  guest: number
  size: number
  user: number
  offset: number
  fd: number
}

interface Mapping {
  guest: number
  length: number
  buffer: ArrayBuffer
  /** Offset of `guest` in the buffer. */
  start: number
}

export class GuestMemory {
  readonly regions: Region[] = []
  private readonly files: number[] = []
  private readonly mappings: Mapping[] = []
  private next: number

  constructor(specs: readonly RegionSpec[], { sealed = true } = {}) {
    const ends: number[] = []
    for (const [i, spec] of specs.entries()) {
      const file = spec.file ?? 0
      const offset = spec.offset ?? (ends[file] === undefined ? 0 : align(ends[file], PAGE) + PAGE)
      ends[file] = Math.max(ends[file] ?? 0, offset + spec.size)
      const user = spec.user ?? 0x7e00_0000_0000 + i * 0x10_0000_0000 + (spec.guest % 0x1000_0000)
      this.regions.push({ guest: spec.guest, size: spec.size, user, offset, fd: file })
    }
    for (const [file, end] of ends.entries()) {
      if (end !== undefined) this.files[file] = calls().memfd('guest', align(end, PAGE), sealed)
    }
    for (const r of this.regions) r.fd = this.files[r.fd]!
    this.next = this.regions[0]!.guest
  }

  /** FLAT, with `size` bytes. */
  static flat(size = FLAT.size): GuestMemory {
    return new GuestMemory([{ ...FLAT, size }])
  }

  /** The regions' descriptors, in the order of the regions, as SET_MEM_TABLE wants them. */
  get fds(): number[] {
    return this.regions.map(r => r.fd)
  }

  regionOf(guest: number): Region {
    const found = this.regions.find(r => guest >= r.guest && guest < r.guest + r.size)
    if (!found) throw new Error(`no guest memory at 0x${guest.toString(16)}`)
    return found
  }

  toUser(guest: number): number {
    const r = this.regionOf(guest)
    return r.user + (guest - r.guest)
  }

  /** Allocates the next `length` bytes of the region of the last allocation or `allocateFrom`. */
  allocate(length: number, alignment = 16): number {
    const at = align(this.next, alignment)
    const r = this.regionOf(at)
    if (at + length > r.guest + r.size) throw new Error('guest memory is full')
    this.next = at + length
    return at
  }

  allocateFrom(guest: number): void {
    this.next = guest
  }

  /** A piece of guest memory that lies in one region, as a view on the shared file. */
  view(guest: number, length: number): DataView {
    const { buffer, start, guest: first } = this.mapping(guest, length)
    return new DataView(buffer, start + (guest - first), length)
  }

  words16(guest: number, count: number): Uint16Array {
    const view = this.view(guest, count * 2)
    return new Uint16Array(view.buffer as ArrayBuffer, view.byteOffset, count)
  }

  words32(guest: number, count: number): Uint32Array {
    const view = this.view(guest, count * 4)
    return new Uint32Array(view.buffer as ArrayBuffer, view.byteOffset, count)
  }

  /** Writes bytes that may run over into the next region. */
  write(guest: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const part = Math.min(bytes.length - done, this.roomAt(guest + done))
      const view = this.view(guest + done, part)
      new Uint8Array(view.buffer, view.byteOffset, part).set(bytes.subarray(done, done + part))
      done += part
    }
  }

  /** Reads bytes that may run over into the next region. */
  read(guest: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const part = Math.min(length - done, this.roomAt(guest + done))
      const view = this.view(guest + done, part)
      bytes.set(new Uint8Array(view.buffer, view.byteOffset, part), done)
      done += part
    }
    return bytes
  }

  fill(guest: number, length: number, value: number): void {
    this.write(guest, new Uint8Array(length).fill(value))
  }

  /** Truncates a file; only possible if the memory is not sealed. */
  truncate(size: number, file = 0): void {
    ftruncateSync(this.files[file]!, size)
  }

  close(): void {
    for (const { buffer } of this.mappings.splice(0)) calls().unmap(buffer)
    for (const fd of this.files.splice(0)) if (fd !== undefined) closeSync(fd)
  }

  private roomAt(guest: number): number {
    const r = this.regionOf(guest)
    return Math.min(r.guest + r.size - guest, MAP_PIECE)
  }

  private mapping(guest: number, length: number): Mapping {
    const covers = (m: Mapping) => guest >= m.guest && guest + length <= m.guest + m.length
    const known = this.mappings.find(covers)
    if (known) return known
    const r = this.regionOf(guest)
    if (guest + length > r.guest + r.size) throw new Error('a view lies in one region')
    let first = r.guest
    let end = r.guest + r.size
    if (r.size > MAP_WHOLE) {
      first = Math.max(first, guest - (guest % MAP_PIECE))
      end = Math.min(end, align(guest + length, MAP_PIECE))
    }
    const fileOffset = r.offset + (first - r.guest)
    const start = fileOffset % PAGE
    const buffer = calls().map(r.fd, fileOffset - start, end - first + start)
    const mapping = { guest: first, length: end - first, buffer, start }
    this.mappings.push(mapping)
    return mapping
  }
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to
}
