/**
 * A state file: lines of JSON, each preceded by its checksum. The first line names the platform, the others are records,
 * oldest first. Knows no platform.
 *
 * Each record is appended by one write(2). If the process is killed meanwhile, the kernel has all of the record or its
 * beginning, which the checksum reveals. Nothing waits for the disk: a killed process does not lose the page cache, and a
 * host that loses power takes its guests with it. A file that has grown long is replaced by one record of everything, by
 * writing another file and rename(2). A lock keeps other processes from it.
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

/** Far more than the largest platform writes before the file is rewritten. */
const BYTES_MAX = 100_000_000

const MAGIC = 'vhost-user-scmi state'
/** Format of the header and the records; increases whenever a part changes its saved shape. */
const FORMAT = 1
const MODE = 0o600
const { O_RDWR, O_CREAT, O_APPEND, O_EXCL, O_NOFOLLOW } = constants

const ADVICE = 'remove it to start over, or give another file'

/** The file is rewritten when it is longer than LONG_BYTES and this many times as long as after the last rewrite. */
const LONG_BYTES = 1 << 20
const LONG_FACTOR = 4

/** State of a file in use; damaged: another process has changed it. */
export type Fate = 'whole' | 'damaged' | 'deleted' | 'replaced'

/** The platform that a file belongs to. */
export interface StateOwner {
  /** Name for people. */
  platform: string
  /** Equal for equal platforms. */
  fingerprint: string
}

export class StateFile<Entry> {
  readonly path: string
  /** Content of the file when it was opened: any JSON. */
  readonly records: readonly unknown[]
  /** Bytes of an incomplete record at its end: a process died while writing. */
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

  /** The error for invalid content. */
  static wrongContent(path: string, what: string): OperatorError {
    return new OperatorError(`--state ${path}: invalid content: ${what}; ${ADVICE}`)
  }

  /** Opens a file or creates it, and locks it for this process. Throws OperatorError if it is unusable. */
  static open<Entry>(path: string, owner: StateOwner): StateFile<Entry> {
    let fd: number | undefined
    try {
      fd = openLocked(path)
      return new StateFile(realpathSync(path), fd, owner)
    } catch (error) {
      if (fd !== undefined) closeSync(fd)
      if (errorCode(error) === undefined) throw error
      throw new OperatorError(`--state ${path}: ${(error as Error).message}; give a file that can be written`)
    }
  }

  /** It is time to `rewrite`. */
  get isLong(): boolean {
    return this.#bytes > this.#rewriteAbove
  }

  /** State of the file on disk. Throws a system error. */
  get fate(): Fate {
    const found = statSync(this.path, { throwIfNoEntry: false })
    if (!found) return 'deleted'
    const own = fstatSync(this.#fd)
    if (found.ino !== own.ino || found.dev !== own.dev) return 'replaced'
    return own.size === this.#bytes ? 'whole' : 'damaged'
  }

  /** Throws a system error; then the file needs `rewrite`. */
  append(record: Entry): void {
    const line = lineOf(record)
    const written = writeSync(this.#fd, line)
    if (written === line.length) this.#bytes += written
    else throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
  }

  /** Replaces all records by this one, which is equivalent. Throws a system error and then changes nothing. */
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
    // Between open and lock, the previous owner may have replaced the file.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd
    closeSync(fd)
  }
}

/**
 * Creates the file. Removes the leftover of a process that died, and a symbolic link that somebody may have planted:
 * its target is left alone. Throws a system error.
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

/** The content of a line; undefined if the line is incomplete. */
function parseLine(line: string): unknown {
  const json = line.slice(9)
  if (line.slice(0, 9) !== `${checksum(json)} `) return undefined
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** The records and their length in bytes. Throws OperatorError. */
function readRecords(text: string, path: string, owner: StateOwner): { records: unknown[]; bytes: number } {
  if (text === '') return { records: [], bytes: 0 }
  // Text after the last line end is incomplete.
  const [first, ...lines] = text.split('\n').slice(0, -1)
  const head = (parseLine(first ?? '') ?? {}) as { [MAGIC]?: unknown } & StateOwner
  const format = head[MAGIC]
  if (typeof format !== 'number') {
    throw new OperatorError(`--state ${path}: is not a state file of this program, or is damaged in line 1; ${ADVICE}`)
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
