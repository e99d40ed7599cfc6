/** A device's side of a scenario: the last messages, decoded on demand, and the guest's violations. */
import pino, { type Logger } from 'pino'
import { MessageDecoder, messageText } from '../../src/observe/messages.js'
import type { TapRecords } from '../../src/observe/tap-records.js'
import { PROTOCOL_ERROR } from '../../src/wire/status.js'
import type { Server } from '../devices/device.js'

/** Messages kept for the evidence. */
const TAIL = 60

interface KeptMessage {
  /** Position of the agent. */
  device: number
  /** CLOCK_MONOTONIC. */
  answeredUs: number
  isEvent: boolean
  request: DataView
  reply: DataView
}

/** Views of the tap's records are valid only while its listener runs. */
const copy = ({ buffer, byteOffset, byteLength }: DataView): DataView =>
  new DataView(buffer.slice(byteOffset, byteOffset + byteLength))

const nowUs = (): number => Number(process.hrtime.bigint() / 1000n)

export class Wire {
  /** Takes the device's log; every warning is about something that the guest or QEMU did wrong. */
  readonly log: Logger
  /** The guest's violations, in the device's words. */
  readonly violations: string[] = []
  /** Messages seen so far. */
  messages = 0
  readonly #tail: KeptMessage[] = []
  readonly #beganUs = nowUs()
  #decoder: MessageDecoder | undefined
  /** What messages of each agent begin with. */
  #agents: string[] = ['']

  constructor() {
    const write = (line: string) => void this.violations.push((JSON.parse(line) as { msg: string }).msg)
    this.log = pino({ level: 'warn', base: null }, { write })
  }

  watch({ tap, protocols, devices }: Server): void {
    this.#decoder = new MessageDecoder(protocols)
    this.#agents = devices.length > 1 ? devices.map(({ agent }) => `${agent.name}: `) : ['']
    tap.listen(records => {
      while (records.next()) this.#keep(records)
    })
  }

  /** The last messages, a line each, with the seconds since the guest's start. */
  tail(): string[] {
    return this.#tail.map(kept => {
      const seconds = (kept.answeredUs - this.#beganUs) / 1e6
      return `${seconds.toFixed(3).padStart(8)} ${this.#describe(kept)}`
    })
  }

  #keep({ device, answeredUs, isEvent, request, reply }: TapRecords): void {
    const kept = { device, answeredUs, isEvent, request: copy(request), reply: copy(reply) }
    this.messages++
    this.#tail.push(kept)
    if (this.#tail.length > TAIL) this.#tail.shift()
    const isRefused = !isEvent && reply.byteLength >= 8 && reply.getInt32(4, true) === PROTOCOL_ERROR
    if (isRefused) this.violations.push(this.#describe(kept))
  }

  #describe({ device, isEvent, request, reply }: KeptMessage): string {
    const message = isEvent ? this.#decoder!.event(reply) : this.#decoder!.command(request, reply)
    const text = message ? messageText(message) : `a message of ${request.byteLength} bytes, too short for a header`
    return `${this.#agents[device]}${text}`
  }
}
