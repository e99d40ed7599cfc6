/**
 * Writes lines to a descriptor without ever blocking: a pipe that nobody reads, a terminal stopped with ^S, a full disk
 * or a reader that is gone must not stop the guests. Lines that can't be written wait in a bounded queue; beyond that
 * they are dropped and counted, and the count is reported once lines can be written again.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { errorCode } from './errors.js'

/** Limit of waiting bytes. */
const WAITING_MAX = 1 << 20
/** Retry interval while something waits. */
const RETRY_MS = 50
/** Time limit for waiting lines at the end of the process. */
const END_MS = 1000
const END_RETRY_MS = 5

export class LogWriter {
  /** Called to report dropped lines, which it does by writing another line. */
  onLost: (count: number) => void = () => {}
  readonly #fd: number
  readonly #waiting: Buffer[] = []
  #waitingBytes = 0
  #lost = 0
  #timer: NodeJS.Timeout | undefined
  #isTelling = false
  readonly #sleep = new Int32Array(new SharedArrayBuffer(4))

  /** The mode of `fd` is unchanged where the system allows that: other programs may share the pipe or terminal. */
  constructor(fd: number) {
    this.#fd = withoutWaiting(fd)
    process.on('exit', () => this.#end())
  }

  /** Dropped lines that are not reported yet. */
  get lost(): number {
    return this.#lost
  }

  /** Writes or queues a line, which ends with a newline. Never blocks, never throws. */
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

  /** Writes waiting lines as far as possible, then reports dropped ones. */
  #drain(): void {
    for (let first = this.#waiting.shift(); first; first = this.#waiting.shift()) {
      this.#waitingBytes -= first.length
      if (!this.#put(first)) return
    }
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#lost > 0 && !this.#isTelling) this.#tell()
  }

  /** Writes a line; false: it, or the rest of it, is first in the queue. */
  #put(bytes: Buffer): boolean {
    let written = 0
    try {
      written = writeSync(this.#fd, bytes)
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') {
        // Nobody will read it (EPIPE), or the disk is full (ENOSPC).
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
    // The report itself was dropped.
    if (this.#lost > 0) this.#lost = count
  }

  /** The last lines matter most, but must not keep the process from ending. */
  #end(): void {
    const until = performance.now() + END_MS
    for (this.#drain(); this.#waiting.length > 0 && performance.now() < until; this.#drain()) {
      Atomics.wait(this.#sleep, 0, 0, END_RETRY_MS)
    }
  }
}

/**
 * Opens the same file in non-blocking mode. O_NONBLOCK belongs to the open file, which a shell and other programs
 * share, so pipes and terminals are opened again. Where that fails, sets the flag as Node does for every stream.
 */
function withoutWaiting(fd: number): number {
  const stat = fstatSync(fd)
  if (stat.isFIFO() || isatty(fd)) {
    try {
      return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    } catch {
      // Another user's terminal, after su, or a pipe without reader.
    }
  }
  if ((stat.isFIFO() || stat.isSocket()) && fd === 2) void process.stderr
  return fd
}
