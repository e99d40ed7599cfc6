/** What a device saw and said during a scenario: the last messages, decoded on demand, and the guest's violations. */
import pino, { type Logger } from 'pino'
import { describeEvent, describeExchange } from '../../src/trace.js'
import { HEADER_SIZE } from '../../src/wire/header.js'
import { PROTOCOL_ERROR } from '../../src/wire/status.js'
import type { Device } from '../device.js'

/** Messages that are kept for the evidence. */
const TAIL = 60

const PINO_WARN = 40

interface WireMessage {
  atMs: number
  describe(): string
}

const copy = (view: DataView): DataView => {
  const bytes = new Uint8Array(view.byteLength)
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  return new DataView(bytes.buffer)
}

export class Wire {
  /** Takes what the device logs; every warning is about something that the guest or QEMU did wrong. */
  readonly log: Logger
  /** What the guest did against the rules, in the device's words. */
  readonly violations: string[] = []
  readonly #tail: WireMessage[] = []
  readonly #beganMs: number
  #messages = 0

  constructor(beganMs: number) {
    this.#beganMs = beganMs
    this.log = pino(
      { level: 'warn', base: null },
      {
        write: (line: string) => {
          const { level, msg } = JSON.parse(line) as { level: number; msg: string }
          if (level >= PINO_WARN) this.violations.push(msg)
        },
      },
    )
  }

  /** Messages seen. */
  get messages(): number {
    return this.#messages
  }

  watch({ device, protocols }: Device): void {
    device.observer = (request, reply) => {
      const [asked, answered] = [copy(request), copy(reply)]
      const describe = () => describeExchange(protocols, asked, answered)
      this.#keep(describe)
      const isShort = answered.byteLength < HEADER_SIZE + 4
      if (!isShort && answered.getInt32(HEADER_SIZE, true) === PROTOCOL_ERROR) this.violations.push(describe())
    }
    device.events.onSent = (header, words) => this.#keep(() => describeEvent(protocols, header, words))
  }

  /** The last messages, a line each, with the seconds since the guest was started. */
  tail(): string[] {
    return this.#tail.map(
      ({ atMs, describe }) => `${((atMs - this.#beganMs) / 1000).toFixed(3).padStart(8)} ${describe()}`,
    )
  }

  #keep(describe: () => string): void {
    this.#messages++
    this.#tail.push({ atMs: Date.now(), describe })
    if (this.#tail.length > TAIL) this.#tail.shift()
  }
}
