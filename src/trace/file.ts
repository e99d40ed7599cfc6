/** The file that a trace is written to: one writer at a time, and whole packets only, even after errors. */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { isatty } from 'node:tty'
import { lockFile } from '../device/native.js'
import { errorCode, OperatorError, RequestError } from '../support/errors.js'
import { PACKET_TAG } from './perfetto.js'

/** Opens and empties a file for a trace. Throws OperatorError if it can't be written or is not a trace. */
export function openTraceFile(path: string): number {
  const fd = attempt(path, () => openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666))
  try {
    if (!attempt(path, () => lockFile(fd))) {
      const text = `${path}: another trace is being written to it; give another file or stop that one`
      throw new RequestError('FAILED_PRECONDITION', text)
    }
    const stat = fstatSync(fd)
    // A reader that stops reading would block the trace, and the end of the process.
    if (stat.isFIFO() || isatty(fd)) throw new RequestError('INVALID_ARGUMENT', `${path} is not a file; give another`)
    if (stat.isFile()) attempt(path, () => empty(fd, path))
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Refuses to overwrite a file that is not a trace: the path may be mistyped. */
function empty(fd: number, path: string): void {
  const start = Buffer.alloc(1)
  if (readSync(fd, start, 0, 1, 0) === 1 && start[0] !== PACKET_TAG) {
    throw new OperatorError(`${path} exists and is not a trace; give another file or remove it`)
  }
  ftruncateSync(fd)
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw refusal(path, error)
  }
}

function refusal(path: string, error: unknown): RequestError {
  switch (errorCode(error)) {
    case 'ENOENT':
      return new RequestError(
        'NOT_FOUND',
        `${path}: there is no folder ${dirname(path)}; make it, or give another file`,
      )
    case 'EISDIR':
      return new RequestError('INVALID_ARGUMENT', `${path} is a folder; give a file in it`)
    default:
      return new RequestError('INVALID_ARGUMENT', `${path}: ${reasonOf(error)}; give another file`)
  }
}

/** `permission denied` of `EACCES: permission denied, open '/trace'`; with advice if the disk is full. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const reason = text.replace(/^E[A-Z0-9]+: /, '').replace(/, \w+( '.*')?$/, '')
  return errorCode(error) === 'ENOSPC' ? `${reason}; free some space, or give a file elsewhere` : reason
}

export class PacketFile {
  readonly #fd: number
  readonly #canTruncate: boolean
  /** Bytes written. */
  size = 0

  /** Takes ownership of the descriptor from `openTraceFile`. */
  constructor(fd: number) {
    this.#fd = fd
    this.#canTruncate = fstatSync(fd).isFile()
  }

  /** Appends whole packets. On failure throws a system error and truncates the file to whole packets. */
  append(packets: Uint8Array): void {
    try {
      for (let at = 0; at < packets.length; ) at += writeSync(this.#fd, packets, at)
      this.size += packets.length
    } catch (error) {
      if (this.#canTruncate) ftruncateSync(this.#fd, this.size)
      throw error
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}
