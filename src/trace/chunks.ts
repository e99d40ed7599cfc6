/**
 * Records on their way from the tap to a session on another thread: a ring of chunks in memory that both have. This end
 * fills a chunk until it is full or the session has nothing to do, then hands it over; none is left: messages are lost, until
 * the session has caught up. So what is kept of too much lies close together, and while much is lost, little is copied.
 */
import type { TapRecords } from '../observe/tap-records.js'

/** Records of the tap, one after the other. */
export interface Chunk {
  /** Number of the chunk in the ring. */
  index: number
  /** Bytes of it that are used. */
  length: number
  /** Messages in it. */
  count: number
  /** Messages that were lost before these. */
  lost: number
}

/** A whole burst of the tap's fits. */
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
  /** Chunks that the session has. */
  #sent = 0
  /** All were in use, and the session has not caught up yet. */
  #overflown = false
  /** Messages that were lost, and no chunk says so yet. */
  untold = 0

  /** `send` is given each chunk when its turn comes; `returned` is to be called for each, in order. */
  constructor(memory: SharedArrayBuffer, send: (chunk: Chunk) => void) {
    this.#bytes = new Uint8Array(memory)
    this.#chunksMax = memory.byteLength / CHUNK_SIZE
    this.#send = send
  }

  /** Whether there is room for another burst. */
  get hasRoom(): boolean {
    return !this.#overflown && (this.#filling !== undefined || this.#sent < this.#chunksMax)
  }

  /** Whether the session is falling behind. */
  get isBusy(): boolean {
    return this.#sent > 1
  }

  /** Takes a burst of the tap's. Returns how many of its messages are lost. */
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

  /** The session is done with a chunk. */
  returned(): void {
    this.#sent--
    if (this.#sent > 0) return
    this.#overflown = false
    this.flush()
  }

  /** Sends what there is. */
  flush(): void {
    const chunk = this.#filling
    if (!chunk) return
    this.#filling = undefined
    this.#sent++
    this.#send(chunk)
  }

  /** One with room for `size` bytes, if there is one. */
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
