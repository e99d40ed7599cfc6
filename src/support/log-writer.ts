/**
 * Writes lines to a descriptor without ever waiting for who reads it: a pipe nobody reads, a terminal stopped with ^S, a
 * full disk or a reader that is gone must not stop the guests. What finds no room waits, up to a bound; what finds no room
 * there either is counted, and told of once lines can be written again.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { errorCode } from './errors.js'

/** Bytes that may wait. */
const WAITING_MAX = 1 << 20
/** How often is looked for room, while something waits. */
const RETRY_MS = 50
/** What the end of the process may take for what waits. */
const END_MS = 1000
const END_RETRY_MS = 5

export class LogWriter {
  /** Tells of lines that were not written, by writing another one. */
  onLost: (count: number) => void = () => {}
  readonly #fd: number
  readonly #waiting: Buffer[] = []
  #waitingBytes = 0
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  #isTelling = false
  readonly #sleep = new Int32Array(new SharedArrayBuffer(4))

  /** `fd` stays as it is where the system allows that: others may write to the same pipe or terminal. */
  constructor(fd: number) {
    this.#fd = withoutWaiting(fd)
    process.on('exit', () => this.#end())
  }

  /** Lines that were not written and not yet told of. */
  get lost(): number {
    return this.#lost
  }

  /** Writes a line, which ends in a line end, or keeps it. Never waits, never throws. */
  write(line: string): void {
    const bytes = Buffer.from(line)
    this.#drain()
    if (this.#waiting.length === 0) this.#put(bytes)
    else if (this.#waitingBytes + bytes.length > WAITING_MAX) this.#lost++
    else {
      this.#waiting.push(bytes)
      this.#kept(bytes)
    }
  }

  /** Writes what waits, as far as there is room, and what there is to tell. */
  #drain(): void {
    for (let first = this.#waiting.shift(); first; first = this.#waiting.shift()) {
      this.#waitingBytes -= first.length
      if (!this.#put(first)) return
    }
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#lost > 0 && !this.#isTelling) this.#tell()
  }

  /** Writes a line; false: it waits in front of all others, or what is left of it. */
  #put(bytes: Buffer): boolean {
    let written = 0
    try {
      written = writeSync(this.#fd, bytes)
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') {
        // Nobody will read it (EPIPE), or there is no place for it (ENOSPC), now.
        this.#lost++
        return true
      }
    }
    if (written === bytes.length) return true
    const rest = bytes.subarray(written)
    this.#waiting.unshift(rest)
    this.#kept(rest)
    return false
  }

  #kept(bytes: Buffer): void {
    this.#waitingBytes += bytes.length
    this.#timer ??= setInterval(() => this.#drain(), RETRY_MS).unref()
  }

  #tell(): void {
    const count = this.#lost
    this.#lost = 0
    this.#isTelling = true
    this.onLost(count)
    this.#isTelling = false
    // The one that tells was lost, too.
    if (this.#lost > 0) this.#lost = count
  }

  /** The last lines matter most, but nobody may keep the process from ending. */
  #end(): void {
    const until = performance.now() + END_MS
    for (this.#drain(); this.#waiting.length > 0 && performance.now() < until; this.#drain()) {
      Atomics.wait(this.#sleep, 0, 0, END_RETRY_MS)
    }
  }
}

/**
 * The same file for writes that fail instead of waiting. Pipes and terminals are opened anew: the flag O_NONBLOCK belongs to
 * the open file, which a shell and other programs share. Where that can't be, it is set as Node sets it for every stream.
 */
function withoutWaiting(fd: number): number {
  const stat = fstatSync(fd)
  if (stat.isFIFO() || isatty(fd)) {
    try {
      return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    } catch {
      // Another user's, after su; or nobody reads it any more.
    }
  }
  if ((stat.isFIFO() || stat.isSocket()) && fd === 2) void process.stderr
  return fd
}
