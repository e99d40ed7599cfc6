/**
 * All clients (pages, gRPC calls, HTTP responses) and their unread data. A client that does not read is disconnected
 * after some seconds, logged and counted; the total of unread data is bounded.
 */
import { LimitedLog } from '../../support/limited-log.js'
import type { Logger } from '../../support/log.js'

/** Limit of unread bytes of all clients together. */
const WAITING_MAX = 64 << 20
/** Time limit for a client that reads nothing, in ms. */
const STUCK_MS = 10_000
/** The same while others wait for its place. */
const ROOM_MS = 500
/** How often a place may be freed that way. */
const ROOM_EVERY_MS = 100
const LOOKS = 40

export const DOORS = ['control', 'http', 'metrics'] as const
/** The option that opened the door it came through. */
export type Door = (typeof DOORS)[number]

export interface Client {
  readonly door: Door
  /** For logs: `a page`, `a call of Watch`. */
  readonly what: string
  /** Unread bytes. */
  waiting(): number
  /** Changes whenever the client reads. */
  progress(): number
  /** Disconnects the client, with a reason if the transport can carry one. */
  end(): void
  /** Time limit for continuously unread data, however slowly it reads. */
  readonly limitMs?: number
}

interface Seen {
  progress: number
  /** When it last read, or had nothing to read. */
  readMs: number
  /** When it last had nothing to read. */
  idleMs: number
}

export class Clients {
  /** Disconnected clients since start, by door. */
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

  /** Unread bytes of all clients. */
  get waiting(): number {
    let sum = 0
    for (const client of this.#clients.keys()) sum += client.waiting()
    return sum
  }

  /** Watches a client. Returns a function that stops watching. */
  add(client: Client): () => void {
    const nowMs = performance.now()
    this.#clients.set(client, { progress: client.progress(), readMs: nowMs, idleMs: nowMs })
    this.#timer ??= setInterval(() => this.#look(), this.#stuckMs / LOOKS).unref()
    return () => this.#remove(client)
  }

  /** To call after sending: disconnects clients with the most unread data until the total is within the limit. */
  sent(): void {
    while (this.waiting > WAITING_MAX) {
      const [greatest] = [...this.#clients.keys()].sort((a, b) => b.waiting() - a.waiting())
      if (!greatest) return
      this.#end(greatest, `${greatest.waiting()} bytes were unread, and more than ${WAITING_MAX} for all clients`)
    }
  }

  /**
   * Makes room when all places are taken: disconnects the client that has read nothing for the longest, among those that
   * the newcomer may replace. `isNew`: the newcomer has no place yet, so it does not wait for its turn.
   */
  makeRoom(door: Door, mayReplace: (client: Client) => boolean, isNew: boolean): void {
    const nowMs = performance.now()
    // The next one costs time too.
    if (!isNew && nowMs - this.#madeRoomMs < ROOM_EVERY_MS) return
    let idlest: Client | undefined
    // On a fast machine all places may have been taken a moment ago.
    let idleMs = isNew ? -1 : ROOM_MS
    for (const [client, seen] of this.#clients) {
      if (client.door !== door || client.waiting() === 0) continue
      if (!isNew && client.progress() !== seen.progress) continue
      if (nowMs - seen.readMs <= idleMs || !mayReplace(client)) continue
      idlest = client
      idleMs = nowMs - seen.readMs
    }
    if (!idlest) return
    this.#madeRoomMs = nowMs
    this.#end(idlest, `another client needed its place, and it had read nothing for ${(idleMs / 1000).toFixed(1)} s`)
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
      if (nowMs - seen.readMs > this.#stuckMs) this.#end(client, `it had read nothing for ${this.#stuckMs / 1000} s`)
      else if (nowMs - seen.idleMs > limitMs) this.#end(client, `it had unread data for more than ${limitMs / 1000} s`)
    }
    this.sent()
  }

  #end(client: Client, why: string): void {
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
