/**
 * The host's end of the guest channel: length-framed requests to PID 1 (qemu/guest/init) over a virtio-serial port,
 * several at once. It knows frames and jobs only.
 */
import type { Socket } from 'node:net'
import { GuestError } from '../support/errors.js'

/** Kinds of frames, as in init/channel.h. A frame: u32 payload length, u32 kind, u32 job id, all little-endian, payload. */
export const KINDS = {
  run: 1,
  read: 2,
  write: 3,
  append: 4,
  kill: 5,
  powerOff: 6,
  reboot: 7,
  hello: 16,
  output: 17,
  errors: 18,
  done: 19,
} as const

const HEADER_SIZE = 12
const CHANNEL_VERSION = 1
/** The longest payload either side takes. */
export const MAX_PAYLOAD = 1 << 20

/** How a job ended, by its number in `done`. */
const ENDINGS = ['exited', 'signalled', 'timed out', 'stuck', 'refused'] as const

export interface Ending {
  how: (typeof ENDINGS)[number]
  /** Exit status, signal number, or error number. */
  value: number
  stdout: Buffer
  stderr: Buffer
}

export type JobKind = 'run' | 'read' | 'write' | 'append'

interface Job {
  stdout: Buffer[]
  onOutput: ((chunk: Buffer) => void) | undefined
  stderr: Buffer[]
  resolve(ending: Ending): void
  reject(error: Error): void
}

export interface Frame {
  kind: number
  id: number
  payload: Buffer
}

export function encodeFrame(kind: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  if (payload.length > MAX_PAYLOAD) throw new RangeError(`a frame's payload is at most ${MAX_PAYLOAD} bytes`)
  const frame = Buffer.alloc(HEADER_SIZE + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame.writeUInt32LE(kind, 4)
  frame.writeUInt32LE(id, 8)
  payload.copy(frame, HEADER_SIZE)
  return frame
}

/** A request's payload: time limit, length of the head, head, body. */
export function encodeRequest(limitMs: number, head: string, body: Buffer): Buffer {
  const text = Buffer.from(head)
  const numbers = Buffer.alloc(8)
  numbers.writeUInt32LE(limitMs, 0)
  numbers.writeUInt32LE(text.length, 4)
  return Buffer.concat([numbers, text, body])
}

/** Cuts a stream of chunks of any size into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  take(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk
    const frames: Frame[] = []
    while (this.#rest.length >= HEADER_SIZE) {
      const length = this.#rest.readUInt32LE(0)
      if (length > MAX_PAYLOAD) throw new RangeError(`the guest announces a frame of ${length} bytes`)
      const end = HEADER_SIZE + length
      if (this.#rest.length < end) break
      const frame = this.#rest
      this.#rest = frame.subarray(end)
      frames.push({ kind: frame.readUInt32LE(4), id: frame.readUInt32LE(8), payload: frame.subarray(HEADER_SIZE, end) })
    }
    return frames
  }
}

export class Channel {
  readonly #socket: Socket
  readonly #jobs = new Map<number, Job>()
  #lastId = 0
  #failure: Error | undefined
  #onReady: () => void

  /** `onReady` is called when the guest says it is up. */
  constructor(socket: Socket, onReady: () => void) {
    this.#socket = socket
    this.#onReady = onReady
    const reader = new FrameReader()
    socket.on('data', chunk => {
      try {
        for (const frame of reader.take(chunk)) this.#handle(frame)
      } catch (error) {
        this.fail(error as Error)
      }
    })
    // The socket ends when QEMU ends. Who watches QEMU knows why, and calls fail().
    socket.on('error', () => socket.destroy())
  }

  /** Starts a job in the guest; resolves when it has ended, however. With `onOutput` its output goes there instead. */
  job(
    kind: JobKind,
    limitMs: number,
    head: string,
    body: Buffer = Buffer.alloc(0),
    onOutput?: (chunk: Buffer) => void,
  ): { id: number; ended: Promise<Ending> } {
    const id = ++this.#lastId
    const ended = new Promise<Ending>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      this.#jobs.set(id, { stdout: [], onOutput, stderr: [], resolve, reject })
      this.#socket.write(encodeFrame(KINDS[kind], id, encodeRequest(limitMs, head, body)))
    })
    return { id, ended }
  }

  /** Kills a job; its end is reported like any other. */
  kill(id: number): void {
    this.#socket.write(encodeFrame(KINDS.kill, id))
  }

  powerOff(): void {
    this.#socket.write(encodeFrame(KINDS.powerOff, 0))
  }

  reboot(): void {
    this.#socket.write(encodeFrame(KINDS.reboot, 0))
  }

  /** Drops all jobs because the guest restarts. `onReady` is called when it is up again. */
  restart(onReady: () => void): void {
    for (const job of this.#jobs.values()) job.reject(new GuestError('exited', 'the guest was restarted'))
    this.#jobs.clear()
    this.#onReady = onReady
  }

  /** Fails all jobs, and every later one. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const job of this.#jobs.values()) job.reject(this.#failure)
    this.#jobs.clear()
  }

  close(): void {
    this.#socket.destroy()
  }

  #handle({ kind, id, payload }: Frame): void {
    if (kind === KINDS.hello) {
      const version = payload.readUInt32LE(0)
      if (version !== CHANNEL_VERSION)
        throw new Error(`the guest speaks channel version ${version}, not ${CHANNEL_VERSION}`)
      this.#onReady()
      return
    }
    const job = this.#jobs.get(id)
    if (!job) return // output of a job that was dropped
    if (kind === KINDS.output && job.onOutput) job.onOutput(payload)
    else if (kind === KINDS.output) job.stdout.push(Buffer.from(payload))
    else if (kind === KINDS.errors) job.stderr.push(Buffer.from(payload))
    else if (kind === KINDS.done) {
      this.#jobs.delete(id)
      const how = ENDINGS[payload.readUInt32LE(0)]!
      const value = payload.readUInt32LE(4)
      job.resolve({ how, value, stdout: Buffer.concat(job.stdout), stderr: Buffer.concat(job.stderr) })
    } else throw new Error(`the guest sent a frame of unknown kind ${kind}`)
  }
}
