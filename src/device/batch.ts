/**
 * Layout of the array that native code and TypeScript share; native/batch.h has the same. Nothing else is in this file, so that
 * the bundler can inline its numbers (bundle.mjs).
 */

/** The window of scratch memory; those of guest memory follow. */
export const SCRATCH_WINDOW = 0

/** Chains in one batch, at most. */
export const BATCH_MAX = 256

/**
 * `batch`, a Uint32Array of `BATCH_HEADER + (BATCH_MAX + 1) * ENTRY_WORDS` words: a header, one entry per message, and a
 * last entry (EVENT_ENTRY) that `peekEvent` fills. The header's first 16 bytes are also seen through `times`.
 */
export const BATCH_HEADER = 8
export const ENTRY_WORDS = 8
export const EVENT_ENTRY = BATCH_HEADER + BATCH_MAX * ENTRY_WORDS

/** Above every index into it. */
export const INDEX_MASK = 0xffff

/** Header word: how many messages the previous batch answered; all of them took `times[TIME_SERVICE]`. */
export const HEADER_PREVIOUS_COUNT = 4
/** Header word: how many messages this batch has; 0: no batch, the visit of the ring is over. */
export const HEADER_COUNT = 5
/**
 * Header word: where in the used ring the batch's first reply goes, from 0 to 65535. Replies go there in the order of the
 * entries, unless some come later; a front end that resumes the ring after a crash resumes it where they end.
 */
export const HEADER_POSITION = 6

/** Words of an entry. Lengths and offsets are bytes; a window number indexes `windows()`. */
export const ENTRY_REQUEST_WINDOW = 0
export const ENTRY_REQUEST_OFFSET = 1
/** Readable bytes of the chain, all of them at the offset, unless more than MESSAGE_MAX: then only MESSAGE_MAX are. */
export const ENTRY_REQUEST_LENGTH = 2
export const ENTRY_REPLY_WINDOW = 3
export const ENTRY_REPLY_OFFSET = 4
/**
 * Writable bytes at the reply offset; 0 means none. At most MESSAGE_MAX, however large the buffer is: a longer list would take
 * longer than other guests should wait.
 */
export const ENTRY_REPLY_CAPACITY = 5
/** Set by onBatch: bytes written to the reply; becomes used.len. Native clamps it to the capacity. */
export const ENTRY_WRITTEN = 6
/** Names this message for `completeHeld`, should its reply come later; of EVENT_ENTRY: where in the used ring it goes. */
export const ENTRY_TICKET = 7

/** As ENTRY_WRITTEN: the reply is not published with the batch, but by `completeHeld`, or never. */
export const WRITTEN_LATER = 0x8000_0000

/** Indexes into `times`, a Float64Array. */
/** CLOCK_MONOTONIC in microseconds when the batch was taken. */
export const TIME_TAKEN = 0
/** Nanoseconds from taking to publishing the previous batch. */
export const TIME_SERVICE = 1
