/**
 * Passes records from the tap to a session on another thread, in a ring of chunks in shared memory. This end fills a
 * chunk until it is full or the session is idle, then sends it. If no chunk is free, messages are dropped until the
 * session has caught up: so drops come in few long gaps, and dropped messages are hardly copied.
 */
import type { TapRecords } from '../observe/tap-records.js'

/** Consecutive records of the tap. */
export interface Chunk {
  /** Index of the chunk in the ring. */
  index: number
  /** Used bytes. */
  length: number
  /** Number of messages. */
  count: number
  /** Messages dropped before these. */
  lost: number
}

/** Large enough for a whole burst of the tap. */
const CHUNK_SIZE = 8 << 20

export const chunkMemory = (chunks: number): SharedArrayBuffer => new SharedArrayBuffer(chunks * CHUNK_SIZE)

/** The bytes of a chunk. */
export function chunkBytes(memory: SharedArrayBuffer, { index, length }: Chunk): Uint8Array {
  return new Uint8Array(memory, index * CHUNK_SIZE, length)
}

export class Chunks {
  readonly #bytes: Uint8Array
  readonly #chunksMax: number
  readonly #send: (chunk: Chunk) => void
  #filling: Chunk | undefined
  #next = 0
  /** Chunks that the session has not returned. */
  #sent = 0
  /** All chunks were in use, and the session has not caught up yet. */
  #overflown = false
  /** Dropped messages that no chunk has reported yet. */
  untold = 0

  /** `send` is called with each full chunk; call `returned` for each, in order. */
  constructor(memory: SharedArrayBuffer, send: (chunk: Chunk) => void) {
    this.#bytes = new Uint8Array(memory)
    this.#chunksMax = memory.byteLength / CHUNK_SIZE
    this.#send = send
  }

  /** Whether there is room for another burst. */
  get hasRoom(): boolean {
    return !this.#overflown && (this.#filling !== undefined || this.#sent < this.#chunksMax)
  }

  /** Whether the session falls behind. */
  get isBusy(): boolean {
    return this.#sent > 1
  }

  /** Adds a burst of the tap. Returns how many of its messages were dropped. */
  add({ bytes, count, dropped }: TapRecords): number {
    let lost = dropped
    const chunk = count > 0 ? this.#chunkFor(bytes.length) : undefined
    if (chunk) {
      this.#bytes.set(bytes, chunk.index * CHUNK_SIZE + chunk.length)
      chunk.length += bytes.length
      chunk.count += count
      if (this.#sent === 0) this.flush()
    } else lost += count
    this.untold += lost
    return lost
  }

  /** The session has returned a chunk. */
  returned(): void {
    this.#sent--
    if (this.#sent > 0) return
    this.#overflown = false
    this.flush()
  }

  /** Sends the partly filled chunk. */
  flush(): void {
    const chunk = this.#filling
    if (!chunk) return
    this.#filling = undefined
    this.#sent++
    this.#send(chunk)
  }

  /** A chunk with room for `size` bytes, if any. */
  #chunkFor(size: number): Chunk | undefined {
    if (this.#overflown) return undefined
    if (this.#filling && this.#filling.length + size > CHUNK_SIZE) this.flush()
    this.#overflown = !this.#filling && this.#sent === this.#chunksMax
    if (!this.#filling && !this.#overflown) {
      this.#filling = { index: this.#next, length: 0, count: 0, lost: this.untold }
      this.#next = (this.#next + 1) % this.#chunksMax
      this.untold = 0
    }
    return this.#filling
  }
}
