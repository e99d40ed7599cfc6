/**
 * TDCF, the layout of values in memory that a platform shares with an agent, and of the lines in telemetry messages (SCMI
 * 4.0, Telemetry). Every word is 32 bits, little-endian. The area begins with a prologue and ends with an epilogue; between
 * them are lines, back to back, short or long. Offsets are in words.
 */

export const WORD = 4

/** `TBGN`, the first word of an area. */
export const BEGIN_SIGNATURE = 0x5442_474e
/** `TEND`, its last word. */
export const END_SIGNATURE = 0x5445_4e44
/** Bits 7:0 of the metadata in the prologue. */
export const LAYOUT_REVISION = 1

/** Words of the prologue: signature, start sequence, length of all lines in units of 8 bytes, metadata. */
export const START_SEQUENCE = 1
export const NUM_QWORDS = 2
export const AREA_METADATA = 3
export const LINES = 4
/** Words of the epilogue, from the end: the sequence again, signature. */
export const END_SEQUENCE = -2
export const EPILOGUE = 2

/** Words of a line: metadata, id, value low and high; long ones have a timestamp, low and high. */
export const SHORT_LINE = 4
export const LONG_LINE = 6

/** Metadata of a line */
export const INVALID = 1 << 0
export const TIMESTAMP_VALID = 1 << 1
export const LONG = 1 << 2
/** The timestamp is that of the last block timestamp line before it. */
export const USES_BLOCK_TIMESTAMP = 1 << 3
/** Types of lines, bits 7:4 */
export const DATA = 0 << 4
export const BLOCK_TIMESTAMP = 1 << 4
export const UUID = 2 << 4
export const LINE_TYPE = 0xf << 4

const TWO_32 = 0x1_0000_0000

/** The low word of a whole number within ±2^53. */
export const lowWord = (value: number): number => value >>> 0
/** Its high word, in two's complement. */
export const highWord = (value: number): number => Math.floor(value / TWO_32) >>> 0

/** Words of the line with this metadata. */
export const lineLength = (metadata: number): number => ((metadata & LONG) !== 0 ? LONG_LINE : SHORT_LINE)

/** Adds a data line, as messages have them, to `words`; it is long if it has a timestamp. */
export function appendLine(words: number[], id: number, value: number, timestamp: number | undefined): void {
  const metadata = timestamp === undefined ? DATA : DATA | LONG | TIMESTAMP_VALID
  words.push(metadata, id, lowWord(value), highWord(value))
  if (timestamp !== undefined) words.push(lowWord(timestamp), highWord(timestamp))
}
