/**
 * Clients of all kinds, and what waits for them to read it: pages, gRPC calls, HTTP responses. Who asks and does not read is
 * ended after some seconds, and said and counted; and all of them together can't make us keep more than a bound.
 */
import { LimitedLog } from '../../support/limited-log.js'
import type { Logger } from '../../support/log.js'

/** Bytes that may wait for all clients together. */
const WAITING_MAX = 64 << 20
/** For how long a client may leave all of what waits for it unread. */
const STUCK_MS = 10_000
/** The same, for one that others need the place of. */
const ROOM_MS = 500
/** And how often that can be. */
const ROOM_EVERY_MS = 100
const LOOKS = 40

export const DOORS = ['control', 'http', 'metrics'] as const
/** By which option it came in. */
export type Door = (typeof DOORS)[number]

export interface Client {
  readonly door: Door
  /** For the log: `a page`, `a call of Watch`. */
  readonly what: string
  /** Bytes that it has not read yet. */
  waiting(): number
  /** Grows, or becomes less, whenever it reads. */
  progress(): number
  /** Ends it, telling why where that can be told. */
  end(): void
  /** How long something may wait for it without a break, however slowly it reads. */
  readonly limitMs?: number
}

interface Seen {
  progress: number
  /** When it read something, or had nothing to read. */
  readMs: number
  /** When nothing waited for it. */
  idleMs: number
}

export class Clients {
  /** How many were ended, ever, by door. */
  readonly ended: Record<Door, number> = { control: 0, http: 0, metrics: 0 }
  readonly #clients = new Map<Client, Seen>()
  readonly #log: LimitedLog
  readonly #stuckMs: number
  #timer: NodeJS.Timeout | undefined
  #madeRoomMs = 0

  constructor(log: Logger, stuckMs = STUCK_MS) {
    this.#log = new LimitedLog(log)
    this.#stuckMs = stuckMs
  }

  /** Bytes that wait for all of them. */
  get waiting(): number {
    let sum = 0
    for (const client of this.#clients.keys()) sum += client.waiting()
    return sum
  }

  /** Looks after a client. Returns what ends that. */
  add(client: Client): () => void {
    const nowMs = performance.now()
    this.#clients.set(client, { progress: client.progress(), readMs: nowMs, idleMs: nowMs })
    this.#timer ??= setInterval(() => this.#look(), this.#stuckMs / LOOKS).unref()
    return () => this.#remove(client)
  }

  /** Something was sent: ends those for whom most waits, until it is not too much. */
  sent(): void {
    while (this.waiting > WAITING_MAX) {
      const [greatest] = [...this.#clients.keys()].sort((a, b) => b.waiting() - a.waiting())
      if (!greatest) return
      this.end(greatest, `${greatest.waiting()} bytes waited for it, and more than ${WAITING_MAX} for all clients`)
    }
  }

  /** Another client wants in where there is no room: ends the one that has left what waits for it unread for the longest. */
  makeRoom(door: Door): void {
    const nowMs = performance.now()
    // What comes in then costs something, too.
    if (nowMs - this.#madeRoomMs < ROOM_EVERY_MS) return
    let idlest: Client | undefined
    let idleMs = ROOM_MS
    for (const [client, seen] of this.#clients) {
      if (client.door !== door || client.waiting() === 0 || client.progress() !== seen.progress) continue
      if (nowMs - seen.readMs <= idleMs) continue
      idlest = client
      idleMs = nowMs - seen.readMs
    }
    if (!idlest) return
    this.#madeRoomMs = nowMs
    this.end(idlest, `another wanted in, and it has read nothing for ${(idleMs / 1000).toFixed(1)} s`)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#log.close()
  }

  #look(): void {
    const nowMs = performance.now()
    for (const [client, seen] of this.#clients) {
      const progress = client.progress()
      if (client.waiting() === 0) seen.idleMs = seen.readMs = nowMs
      else if (progress !== seen.progress) seen.readMs = nowMs
      seen.progress = progress
      const { limitMs = Number.POSITIVE_INFINITY } = client
      if (nowMs - seen.readMs > this.#stuckMs) this.end(client, `it has read nothing for ${this.#stuckMs / 1000} s`)
      else if (nowMs - seen.idleMs > limitMs) this.end(client, `it took longer than ${limitMs / 1000} s to read`)
    }
    this.sent()
  }

  /** Ends a client that is looked after, and says why. */
  end(client: Client, why: string): void {
    this.#remove(client)
    this.ended[client.door]++
    this.#log.warn(`ended ${client.what}: ${why}`)
    client.end()
  }

  #remove(client: Client): void {
    this.#clients.delete(client)
    if (this.#clients.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
