/**
 * Reads areas in TDCF as a driver does, beside a writer that may be wrong or hostile: bounded in tries and in memory, and
 * nothing that is read is used before the sequences vouch for it. Written from the layout, not from the writer.
 */

const SIGNATURE = 0x5442474e
const END_SIGNATURE = 0x54454e44

export interface Line {
  /** In bytes, from the begin of the area. */
  offset: number
  metadata: number
  /** Of data lines: the id; of block timestamps: the rate. */
  id: number
  value: bigint
  /** Of its own, or that of the block timestamp line before it. */
  timestamp: bigint | undefined
}

export interface Scan {
  sequence: number
  lines: Line[]
}

const wide = (low: number, high: number): bigint => BigInt.asIntN(64, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))

/** Why nothing was read. */
export class TdcfError extends Error {}

export class TdcfReader {
  readonly #words: Int32Array
  readonly #base: number
  readonly #length: number
  readonly #copy: Int32Array
  /** How often a sequence was odd, or start and end differed. */
  retries = 0

  /** An area of `bytes` bytes that begins at byte `at` of `words`. */
  constructor(words: Int32Array, at: number, bytes: number) {
    this.#words = words
    this.#base = at / 4
    this.#length = bytes / 4
    if (this.#length < 6 || this.#base + this.#length > words.length) throw new TdcfError('the area is too small')
    this.#copy = new Int32Array(this.#length)
  }

  #word(at: number): number {
    return Atomics.load(this.#words, this.#base + at) >>> 0
  }

  /** All valid data lines and block timestamps. */
  scan(tries = 5): Scan {
    if (this.#word(0) !== SIGNATURE || this.#word(this.#length - 1) !== END_SIGNATURE) throw new TdcfError('signature')
    for (let i = 0; i < tries; i++) {
      const start = this.#word(1)
      const qwords = this.#word(2)
      // Bounded before it is used: the writer may write anything.
      const words = Math.min(2 * qwords, this.#length - 6)
      for (let at = 0; at < words; at++) this.#copy[at] = this.#word(4 + at)
      const end = this.#word(this.#length - 2)
      if (start % 2 === 0 && start === end) {
        if (2 * qwords > this.#length - 6) throw new TdcfError(`${qwords} qwords`)
        return { sequence: start, lines: this.#parse(words) }
      }
      this.retries++
    }
    throw new TdcfError('sequence')
  }

  #parse(words: number): Line[] {
    const copy = this.#copy
    const lines: Line[] = []
    let block: bigint | undefined
    for (let at = 0; at < words; ) {
      const metadata = copy[at]! >>> 0
      const length = metadata & 4 ? 6 : 4
      if (at + length > words) throw new TdcfError(`a line of ${4 * length} bytes, where ${4 * (words - at)} are left`)
      const type = (metadata >>> 4) & 0xf
      if (!(metadata & 1) && type <= 1) {
        const value = wide(copy[at + 2]!, copy[at + 3]!)
        if (type === 1) block = value
        const own = metadata & 4 && metadata & 2 ? wide(copy[at + 4]!, copy[at + 5]!) : undefined
        const timestamp = type === 0 && metadata & 8 ? block : own
        lines.push({ offset: 16 + 4 * at, metadata, id: copy[at + 1]! >>> 0, value, timestamp })
      }
      at += length
    }
    return lines
  }

  /** Low and high word of the value at a line's offset into `into`: true, if the sequences vouch for them. Allocates nothing. */
  readValue(offset: number, into: Int32Array): boolean {
    const words = this.#words
    const base = this.#base
    const at = base + offset / 4
    const start = Atomics.load(words, base + 1)
    if (start & 1) return false
    into[0] = Atomics.load(words, at + 2)
    into[1] = Atomics.load(words, at + 3)
    return Atomics.load(words, base + this.#length - 2) === start
  }
}
