/** QMP, QEMU's machine protocol: commands and events, each a JSON object on a line. */
import { createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { afterMs } from '../../src/platform/core/time.js'
import { WorkError } from '../support/errors.js'

export interface QmpEvent {
  event: string
  data: Record<string, unknown>
}

interface Reply {
  return?: unknown
  error?: { class: string; desc: string }
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class Qmp {
  readonly #socket: Socket
  /** Commands that are not answered yet; QEMU answers in order. */
  readonly #waiting: Waiting[] = []
  readonly #listeners = new Set<(event: QmpEvent) => void>()
  #failure: Error | undefined

  /** Connects to QEMU's socket, which exists once QEMU runs the machine. */
  static async connect(path: string): Promise<Qmp> {
    const socket = createConnection(path)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', error => reject(new WorkError(`QEMU's command socket: ${error.message}`)))
    })
    const qmp = new Qmp(socket)
    await qmp.execute('qmp_capabilities')
    return qmp
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    const lines = createInterface(socket).on('line', line => this.#take(JSON.parse(line)))
    // When QEMU is killed, the socket gives "error" (a reset) or "close".
    for (const emitter of [socket, lines]) emitter.on('error', () => socket.destroy())
    socket.on('close', () => this.#fail(new WorkError('QEMU has closed its command socket')))
  }

  /** Runs one command, such as device_add. Rejects with QEMU's words if it refuses. */
  execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      const refuse = (error: Error) => reject(new WorkError(`QEMU refuses ${command}: ${error.message}`))
      this.#waiting.push({ resolve, reject: refuse })
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
    })
  }

  /** Resolves with the next event of this name that `isIt` accepts. Ask before doing what causes it. */
  event(name: string, limitMs: number, isIt: (data: QmpEvent['data']) => boolean = () => true): Promise<QmpEvent> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        timer.cancel()
        this.#listeners.delete(listener)
        settle()
      }
      const listener = (event: QmpEvent) => {
        if (event.event === name && isIt(event.data ?? {})) finish(() => resolve(event))
      }
      const late = () => finish(() => reject(new WorkError(`QEMU said no ${name} within ${limitMs} ms`)))
      const timer = afterMs(limitMs, late, false)
      this.#listeners.add(listener)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(message: Reply & Partial<QmpEvent>): void {
    if (message.event !== undefined) {
      for (const listener of [...this.#listeners]) listener({ event: message.event, data: message.data ?? {} })
    } else if (message.error) this.#waiting.shift()?.reject(new Error(message.error.desc))
    else if ('return' in message) this.#waiting.shift()?.resolve(message.return)
  }

  #fail(error: Error): void {
    this.#failure = error
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
