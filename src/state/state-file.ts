/**
 * A state file: lines of JSON, each after its checksum. The first names the platform, the others are records, oldest first.
 * Knows no platform.
 *
 * A record is appended by one write(2): whatever kills the process then, the kernel has all of it or a beginning, which its
 * checksum gives away. Nothing waits for the disk, because a killed process does not take the page cache with it; a host
 * that loses power takes the guests with it. When the file has grown long, one record that says all takes its place, by way
 * of another file and rename(2). Locks make sure that one process has it at a time.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { crc32 } from 'node:zlib'
import { lockFile } from '../device/native.js'
import { errorCode, OperatorError } from '../support/errors.js'
import { whyUnwritable } from '../support/path-error.js'

/** Far more than the largest platform writes before the file is written anew. */
const BYTES_MAX = 100_000_000

const MAGIC = 'vhost-user-scmi state'
/** Of this line and the records: one more whenever a part is saved in another shape. */
const FORMAT = 1
const MODE = 0o600
const { O_RDWR, O_CREAT, O_APPEND, O_EXCL, O_NOFOLLOW } = constants

const ADVICE = 'remove it to begin anew, or give another file'

/** The file is rewritten when it is longer than this, and so many times as long as a rewritten one. */
const LONG_BYTES = 1 << 20
const LONG_FACTOR = 4

/** What has become of a file that is in use; damaged: somebody else has written to it. */
export type Fate = 'whole' | 'damaged' | 'deleted' | 'replaced'

/** Which platform a file is of. */
export interface StateOwner {
  /** For people. */
  platform: string
  /** Of equal platforms equal. */
  fingerprint: string
}

export class StateFile<Entry> {
  readonly path: string
  /** What the file held when it was opened: JSON of any shape. */
  readonly records: readonly unknown[]
  /** Bytes at its end that were no whole record: a process died while it wrote them. */
  readonly tornBytes: number
  readonly #owner: StateOwner
  #fd: number
  #bytes: number
  #rewriteAbove = 0

  private constructor(path: string, fd: number, owner: StateOwner) {
    this.path = path
    this.#fd = fd
    this.#owner = owner
    const { size } = fstatSync(fd)
    if (size > BYTES_MAX)
      throw new OperatorError(`--state ${path}: is larger than ${BYTES_MAX} bytes; give another file`)
    const text = readFileSync(fd, 'utf8')
    const { records, bytes } = readRecords(text, path, owner)
    this.records = records
    this.#bytes = bytes
    this.tornBytes = fstatSync(fd).size - bytes
  }

  /** Opens a file, or makes a new one, and keeps others from it. Throws OperatorError if it is of no use. */
  /** The error for content that is of no use. */
  static wrongContent(path: string, what: string): OperatorError {
    return new OperatorError(`--state ${path}: holds what this program does not write: ${what}; ${ADVICE}`)
  }

  static open<Entry>(path: string, owner: StateOwner): StateFile<Entry> {
    let fd: number | undefined
    try {
      fd = openLocked(path)
      return new StateFile(realpathSync(path), fd, owner)
    } catch (error) {
      if (fd !== undefined) closeSync(fd)
      if (errorCode(error) === undefined) throw error
      throw new OperatorError(`--state ${path}: ${whyUnwritable(error, path)}`)
    }
  }

  /** Whether it is time for `rewrite`. */
  get isLong(): boolean {
    return this.#bytes > this.#rewriteAbove
  }

  /** What has become of it. Throws a system error. */
  get fate(): Fate {
    const found = statSync(this.path, { throwIfNoEntry: false })
    if (!found) return 'deleted'
    const own = fstatSync(this.#fd)
    if (found.ino !== own.ino || found.dev !== own.dev) return 'replaced'
    return own.size === this.#bytes ? 'whole' : 'damaged'
  }

  /** Throws a system error; the file then needs `rewrite`. */
  append(record: Entry): void {
    const line = lineOf(record)
    const written = writeSync(this.#fd, line)
    if (written === line.length) this.#bytes += written
    else throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
  }

  /** Replaces all records by this one, which says the same. Throws a system error, and then all is as before. */
  rewrite(record: Entry): void {
    const path = `${this.path}.new`
    const fd = openNew(path)
    try {
      lockFile(fd)
      const text = Buffer.concat([lineOf({ [MAGIC]: FORMAT, ...this.#owner }), lineOf(record)])
      for (let at = 0; at < text.length; ) at += writeSync(fd, text, at)
      renameSync(path, this.path)
      closeSync(this.#fd)
      this.#fd = fd
      this.#bytes = text.length
      this.#rewriteAbove = Math.max(LONG_BYTES, LONG_FACTOR * text.length)
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** Throws OperatorError, or a system error. */
function openLocked(path: string): number {
  for (;;) {
    const fd = openSync(path, O_RDWR | O_CREAT | O_APPEND, MODE)
    if (!fstatSync(fd).isFile()) {
      closeSync(fd)
      throw new OperatorError(`--state ${path}: is not a file; give another`)
    }
    if (!lockFile(fd)) {
      closeSync(fd)
      throw new OperatorError(`--state ${path}: is in use by a running process; stop it or give another file`)
    }
    // Between opening and locking, its last owner may have put another file in its place.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd
    closeSync(fd)
  }
}

/**
 * Makes a file where there is none. What a process left there that died is removed, and so is a link, which somebody else
 * may have laid: whatever it leads to is left alone. Throws a system error.
 */
function openNew(path: string): number {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  return openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, MODE)
}

function lineOf(record: unknown): Buffer {
  const json = JSON.stringify(record)
  return Buffer.from(`${checksum(json)} ${json}\n`)
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

/** What a line holds, or undefined if it is not whole. */
function parseLine(line: string): unknown {
  const json = line.slice(9)
  if (line.slice(0, 9) !== `${checksum(json)} `) return undefined
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** The records, and the bytes that hold them. Throws OperatorError. */
function readRecords(text: string, path: string, owner: StateOwner): { records: unknown[]; bytes: number } {
  if (text === '') return { records: [], bytes: 0 }
  // What follows the last line's end is no whole line.
  const [first, ...lines] = text.split('\n').slice(0, -1)
  const head = (parseLine(first ?? '') ?? {}) as { [MAGIC]?: unknown } & StateOwner
  const format = head[MAGIC]
  if (typeof format !== 'number') {
    throw new OperatorError(`--state ${path}: is no state file of this program, or damaged in line 1; ${ADVICE}`)
  }
  if (format !== FORMAT) {
    const age = format > FORMAT ? 'a newer' : 'an older'
    const program = `${age} version of this program wrote it (format ${format}, this one has ${FORMAT})`
    throw new OperatorError(`--state ${path}: ${program}; start that one, ${ADVICE}`)
  }
  if (head.fingerprint !== owner.fingerprint) {
    const whose = head.platform === owner.platform ? `another version of ${owner.platform}` : head.platform
    throw new OperatorError(`--state ${path}: holds the state of another platform, ${whose}; ${ADVICE}`)
  }
  const entries = lines.map(parseLine)
  const whole = entries.indexOf(undefined) < 0 ? entries.length : entries.indexOf(undefined)
  if (entries.slice(whole).some(entry => entry !== undefined)) {
    throw new OperatorError(`--state ${path}: is damaged in line ${whole + 2}; ${ADVICE}`)
  }
  const bytes = Buffer.byteLength([first, ...lines.slice(0, whole), ''].join('\n'))
  return { records: entries.slice(0, whole), bytes }
}
