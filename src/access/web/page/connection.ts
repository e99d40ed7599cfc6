/** The page's WebSocket: reconnects, reports its state, and matches answers to requests. */
import { signal } from '@preact/signals'
import type { Answer, FromDevice, FromPage, Hello, Requests, Tick } from '../wire.js'

const RETRY_FIRST_MS = 500
const RETRY_LAST_MS = 5000
/** The device sends something at least once a second. */
const SILENT_MS = 3000
/** Close codes (RFC 6455 §7.4.1, and "try again later" of its registry). */
const TRY_LATER = 1013

export type LinkState =
  | { is: 'connecting' }
  | { is: 'open' }
  /** Connected, but nothing arrives. */
  | { is: 'silent' }
  | { is: 'lost'; why: string }
  /** Final: the device no longer accepts this browser's session. */
  | { is: 'over' }

export const link = signal<LinkState>({ is: 'connecting' })

interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
}

export class Connection {
  readonly #onMessage: (message: Hello | Tick) => void
  readonly #waiting = new Map<number, Waiting>()
  #socket: WebSocket | undefined
  #lastId = 0
  #retryMs = RETRY_FIRST_MS
  #heardMs = 0

  constructor(onMessage: (message: Hello | Tick) => void) {
    this.#onMessage = onMessage
    setInterval(() => this.#watch(), SILENT_MS / 3)
    this.#connect()
  }

  /** Resolves when the device has carried it out. Rejects with the device's error. */
  request<Name extends keyof Requests>(op: Name, request: Requests[Name]): Promise<Answer> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      if (!this.send({ op, id, request })) reject(new Error('not connected to the device'))
      else this.#waiting.set(id, { resolve, reject })
    })
  }

  /** Returns false if not connected. */
  send(message: FromPage): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false
    this.#socket.send(JSON.stringify(message))
    return true
  }

  #connect(): void {
    const socket = new WebSocket(`ws://${location.host}/live`)
    this.#socket = socket
    socket.onmessage = event => this.#onData(JSON.parse(event.data as string) as FromDevice)
    socket.onclose = event => void this.#lost(event)
  }

  #onData(message: FromDevice): void {
    this.#heardMs = performance.now()
    if (link.value.is !== 'open') link.value = { is: 'open' }
    if (message.type !== 'answer') {
      this.#retryMs = RETRY_FIRST_MS
      this.#onMessage(message)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.error === undefined) waiting?.resolve(message)
    else waiting?.reject(new Error(message.error))
  }

  async #lost({ code, reason }: CloseEvent): Promise<void> {
    for (const waiting of this.#waiting.values()) waiting.reject(new Error('the connection was lost'))
    this.#waiting.clear()
    const why = code === TRY_LATER ? reason : 'The device does not answer.'
    link.value = { is: 'lost', why }
    if (await isForgotten()) {
      link.value = { is: 'over' }
      return
    }
    setTimeout(() => this.#connect(), this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_LAST_MS)
  }

  #watch(): void {
    if (link.value.is === 'open' && performance.now() - this.#heardMs > SILENT_MS) link.value = { is: 'silent' }
  }
}

/** Whether the device refuses this browser's session; scripts can't see why a socket failed. */
async function isForgotten(): Promise<boolean> {
  try {
    return (await fetch('/', { method: 'HEAD' })).status === 403
  } catch {
    return false
  }
}
