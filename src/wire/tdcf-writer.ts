/**
 * Writes an area in TDCF, which somebody reads at the same time without asking. A reader takes the start sequence first
 * and the end sequence last; equal and even, they vouch for what it read between.
 *
 * So an update goes: start to an odd number, end to the next even one, lines, start to the same even one. End must be new
 * before any line is: a reader that began before the update would otherwise see new lines between the old start and the old
 * end. Each store is atomic, and all are seen in this order: nothing weaker would keep later stores behind earlier ones on
 * arm64.
 */
import {
  AREA_METADATA,
  BEGIN_SIGNATURE,
  END_SEQUENCE,
  END_SIGNATURE,
  EPILOGUE,
  highWord,
  LAYOUT_REVISION,
  LINES,
  LONG,
  lowWord,
  NUM_QWORDS,
  START_SEQUENCE,
} from './tdcf.js'

/** At rest the sequence is even, and neither 0, which Linux takes for what it has read already, nor near the end. */
const FIRST_SEQUENCE = 2
const LAST_SEQUENCE = 0xffff_fffc

/** Words left free before the epilogue. */
const UNUSED = 2

/** The words that an area needs for lines of this many words: a driver refuses a short line next to the epilogue. */
export const areaWords = (lines: number): number => LINES + lines + UNUSED + EPILOGUE

export class TdcfWriter {
  /** The memory that has the area; empty while there is none: then nothing is written. */
  words: Int32Array = new Int32Array(0)
  /** Where the area begins, in words. */
  base = 0
  readonly length: number
  /** Kept here: what is in the memory is the reader's as much as ours. */
  #sequence: number

  /** An area of `length` words, whose updates count on from `sequence`. */
  constructor(length: number, sequence = 0) {
    this.length = length
    this.#sequence = sequence
  }

  get sequence(): number {
    return this.#sequence
  }

  /**
   * Before the first update: counts on from what the memory has. A driver goes on reading when the platform is started
   * again, and takes a sequence that it knows for a value that it knows. Any number will do.
   */
  adopt(): void {
    const found = Atomics.load(this.words, this.base + START_SEQUENCE) >>> 0
    this.#sequence = found - (found % 2)
  }

  /** Begins an update: until `close`, readers try again. */
  open(): void {
    this.#sequence = this.#sequence >= LAST_SEQUENCE ? FIRST_SEQUENCE : this.#sequence + 2
    this.put(START_SEQUENCE, this.#sequence - 1)
    this.put(this.length + END_SEQUENCE, this.#sequence)
  }

  close(): void {
    this.put(START_SEQUENCE, this.#sequence)
  }

  /** Writes what stays the same, within an update; `lines` are the words of all lines. */
  frame(lines: number): void {
    this.put(NUM_QWORDS, lines / 2)
    this.put(AREA_METADATA, LAYOUT_REVISION)
    this.put(this.length - 1, END_SIGNATURE)
    this.put(0, BEGIN_SIGNATURE)
  }

  /** Writes a line at an offset in words; `second` is the id, or what else the type has there. */
  line(at: number, metadata: number, second: number, value: number, timestamp = 0): void {
    this.put(at, metadata)
    this.put(at + 1, second)
    this.put(at + 2, lowWord(value))
    this.put(at + 3, highWord(value))
    if ((metadata & LONG) === 0) return
    this.put(at + 4, lowWord(timestamp))
    this.put(at + 5, highWord(timestamp))
  }

  /** Within an update. */
  put(at: number, word: number): void {
    const { words, base } = this
    if (words.length > 0) Atomics.store(words, base + at, word | 0)
  }
}
