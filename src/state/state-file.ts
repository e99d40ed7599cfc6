/**
 * A state file: lines of JSON, each after its checksum. The first line names the platform. Two halves for records follow,
 * which are used in turn. Knows no platform.
 *
 * The file is mapped: a record is copied into it, which takes a tenth of the time of a write(2). If the process is killed
 * then, a part of the record is missing, which the checksum reveals. Nothing is synced to disk: the page cache survives the
 * process, and when the host loses power, the guests are gone, too. When a half is full, a record of the whole state starts
 * the other half, overwriting what was there. Each record has a generation, the number of its half's turn. The half with the
 * higher one is valid, once its first record is complete. Locks keep other processes from the file.
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
} from 'node:fs'
import { lockFile, type MappedFile, mapFile } from '../device/native.js'
import { errorCode, OperatorError } from '../support/errors.js'
import { whyUnwritable } from '../support/path-error.js'
import { Line } from './line.js'
import { ADVICE, FORMAT, MAGIC, readRecords, type StateOwner } from './state-reader.js'

/** Far more than the largest platform writes before the file is written anew. */
const BYTES_MAX = 100_000_000

const MODE = 0o600
const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants

/** Room for records in each half, in bytes and as a multiple of the record of the whole state. */
const ROOM_MIN = 256 << 10
const ROOM_MAX = 8 << 20
const TIMES = 64
const TIMES_MIN = 2

/** What has become of a file that is in use; damaged: somebody else has written to it. */
export type Fate = 'whole' | 'damaged' | 'deleted' | 'replaced'

export class StateFile {
  readonly path: string
  /** What the file held when it was opened: JSON of any shape. */
  readonly records: readonly unknown[]
  /** Bytes of an incomplete record at its end: a process died while writing it. */
  readonly tornBytes: number
  readonly #owner: StateOwner
  readonly #line = new Line()
  #fd: number
  /** Bytes of the file. */
  #size: number
  /** The whole file; undefined: it has yet to be rewritten. */
  #mapped: MappedFile | undefined
  /** Bytes of its first line, and of each half. */
  #headBytes = 0
  #room = 0
  /** The half that is written. */
  #half = 0
  #generation = 1
  /** Where the next record goes. */
  #position = 0

  private constructor(path: string, fd: number, owner: StateOwner) {
    this.path = path
    this.#fd = fd
    this.#owner = owner
    const { size } = fstatSync(fd)
    if (size > BYTES_MAX)
      throw new OperatorError(`--state ${path}: is larger than ${BYTES_MAX} bytes; give another file`)
    const { records, tornBytes } = readRecords(readFileSync(fd), path, owner)
    this.records = records
    this.tornBytes = tornBytes
    this.#size = size
  }

  /** The error for content that can't be used. */
  static wrongContent(path: string, what: string): OperatorError {
    return new OperatorError(`--state ${path}: invalid content: ${what}; ${ADVICE}`)
  }

  /** Opens a file or makes a new one, and locks it. Throws OperatorError if it can't be used. */
  static open(path: string, owner: StateOwner): StateFile {
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

  /** What has become of it. Throws a system error. */
  get fate(): Fate {
    const found = statSync(this.path, { throwIfNoEntry: false })
    if (!found) return 'deleted'
    const own = fstatSync(this.#fd)
    if (found.ino !== own.ino || found.dev !== own.dev) return 'replaced'
    return own.size === this.#size ? 'whole' : 'damaged'
  }

  /** The next record, to be written into. */
  begin(): Line {
    return this.#line.begin(this.#generation)
  }

  /** Adds that record; false if its half has no room for it: then `restart`. */
  append(): boolean {
    const line = this.#line.end()
    if (this.#position + line.length > this.#headBytes + (this.#half + 1) * this.#room) return false
    this.#write(line)
    return true
  }

  /** Continues in the other half with a record of the whole state, which `say` writes. Throws a system error: then `rewrite`. */
  restart(say: (record: Line) => void): void {
    this.#generation++
    say(this.begin())
    const line = this.#line.end()
    if (line.length * TIMES_MIN > this.#room) {
      this.rewrite(say)
      return
    }
    this.#half = 1 - this.#half
    this.#position = this.#headBytes + this.#half * this.#room
    this.#write(line)
  }

  #write(line: Buffer): void {
    this.#mapped!.bytes.set(line, this.#position)
    // The next record takes the place of the empty line.
    this.#position += line.length - 1
  }

  /** Replaces the file by one with a record of the whole state. Throws a system error; the file is unchanged then. */
  rewrite(say: (record: Line) => void): void {
    const path = `${this.path}.new`
    const fd = openNew(path)
    let mapped: MappedFile | undefined
    try {
      lockFile(fd)
      this.#generation = 1
      say(this.begin())
      const line = this.#line.end()
      const room = roomFor(line)
      const head = Line.of({ [MAGIC]: FORMAT, ...this.#owner, room })
      mapped = mapFile(fd, head.length + 2 * room)
      mapped.bytes.set(head)
      mapped.bytes.set(line, head.length)
      renameSync(path, this.path)
      this.close()
      this.#fd = fd
      this.#mapped = mapped
      this.#size = mapped.bytes.length
      this.#headBytes = head.length
      this.#room = room
      this.#half = 0
      this.#position = head.length + line.length - 1
    } catch (error) {
      mapped?.unmap()
      closeSync(fd)
      remove(path)
      throw error
    }
  }

  close(): void {
    this.#mapped?.unmap()
    closeSync(this.#fd)
  }
}

/** Bytes of a half: a record of the whole state should be rare. */
function roomFor(line: Buffer): number {
  return Math.max(ROOM_MIN, TIMES_MIN * line.length, Math.min(TIMES * line.length, ROOM_MAX))
}

/** Throws OperatorError, or a system error. */
function openLocked(path: string): number {
  for (;;) {
    const fd = openSync(path, O_RDWR | O_CREAT, MODE)
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
 * Makes a new file. Removes what a killed process left at this path, or a link that somebody else put there; the link's
 * target is left alone. Throws a system error.
 */
function openNew(path: string): number {
  remove(path)
  return openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, MODE)
}

/** Nothing need be there. */
function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
