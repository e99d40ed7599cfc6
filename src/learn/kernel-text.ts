/**
 * Exchanges from the text of the kernel's own events: scmi_msg_dump has the payloads, the others the times. Events of one
 * transfer are joined by protocol, message and sequence number. Text of others: memory is bounded by the transfers under way,
 * which tokens limit, and by the payloads that are kept.
 */
import { fieldsOf, parseLine, type TraceLine } from '../trace/kernel-events.js'
import type { Exchange } from './exchange.js'

/** Transfers that are under way, or whose delayed response may come. Tokens have ten bits. */
const OPEN_MAX = 4096
/** Bytes of all payloads: some hundred thousand messages. */
const PAYLOADS_MAX = 64 << 20
export const EXCHANGES_MAX = 500_000

interface Transfer {
  beganNs: number
  request: Uint8Array | undefined
  response: { status: number; payload: Uint8Array; timeNs: number } | undefined
  /** The kernel dumps a command after it sent it, from a buffer that the response is written to as well. */
  overtaken: boolean
  exchange: Exchange | undefined
}

export class TooMuch extends Error {}

export class KernelText {
  readonly exchanges: Exchange[] = []
  /** Commands whose payload the answer has overwritten in the kernel's buffer before the kernel dumped it. */
  readonly overtaken = new Set<Exchange>()
  /** Lines that say that events were lost. */
  lost = 0
  /** Events that later ones replaced in the kernel's buffer: the first of the boot. */
  replacedEvents = 0
  /** Dumps whose text has no payload that can be read. */
  unreadable = 0
  /** Events of the SCMI core. */
  events = 0
  /** Other instances of the SCMI core than the one that is read, with their dumps. */
  readonly others = new Map<string, number>()
  #instance: string | undefined
  #payloads = 0
  #replaced = 0
  readonly #open = new Map<string, Transfer>()

  /** `instance`: number of the kernel's SCMI instance; default: the first in the text. */
  constructor(instance?: string) {
    this.#instance = instance
  }

  /** Throws TooMuch. */
  line(text: string): void {
    const line = parseLine(text)
    if (!line) {
      const [, kept, written] = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+)/.exec(text) ?? []
      if (written !== undefined) this.replacedEvents += Math.max(0, Number(written) - Number(kept))
      if (/^(?:CPU:?\s*\d+\s*)?\[?\s*(?:LOST|EVENTS DROPPED)|\[LOST \d+ EVENTS\]/.test(text.slice(0, 80))) this.lost++
      return
    }
    if (!line.name.startsWith('scmi_')) return
    this.events++
    if (line.name === 'scmi_msg_dump') this.#dump(line)
    else if (line.name === 'scmi_xfer_begin') this.#begin(line)
  }

  /** Commands that got no answer before the text ended, or before their token was used again. */
  get unanswered(): number {
    return [...this.#open.values()].filter(({ request, response }) => request && !response).length + this.#replaced
  }

  #begin({ text, timeNs }: TraceLine): void {
    const fields = fieldsOf(text)
    this.#replace(keyOf(fields), newTransfer(timeNs))
  }

  #replace(key: string, transfer: Transfer): void {
    const before = this.#open.get(key)
    if (before?.request && !before.response) this.#replaced++
    this.#open.delete(key)
    this.#open.set(key, transfer)
    const [oldest] = this.#open.keys()
    if (this.#open.size > OPEN_MAX && oldest !== undefined) this.#open.delete(oldest)
  }

  #dump({ text, timeNs }: TraceLine): void {
    const fields = fieldsOf(text)
    const { id = '0', t: tag = '' } = fields
    const payload = bytesOf(fields.pyld)
    const [protocolId, messageId] = [hexNumber(fields.pt), hexNumber(fields.msg_id)]
    if (payload === undefined || protocolId === undefined || messageId === undefined) {
      this.unreadable++
      return
    }
    this.#instance ??= id
    if (id !== this.#instance) {
      if (this.others.size < 64 || this.others.has(id)) this.others.set(id, (this.others.get(id) ?? 0) + 1)
      return
    }
    this.#payloads += payload.length
    if (this.#payloads > PAYLOADS_MAX || this.exchanges.length > EXCHANGES_MAX) throw new TooMuch()
    const key = keyOf(fields)
    const kind = tag.toUpperCase()
    if (kind === 'CMND') this.#command(key, payload, timeNs, protocolId, messageId)
    else if (kind === 'RESP') this.#response(key, { status: Number(fields.s), payload, timeNs }, protocolId, messageId)
    else if (kind === 'DLYD') this.#delayed(key, timeNs)
  }

  #command(key: string, payload: Uint8Array, timeNs: number, protocolId: number, messageId: number): void {
    let transfer = this.#open.get(key)
    if (!transfer || transfer.request) {
      transfer = newTransfer(timeNs)
      this.#replace(key, transfer)
    }
    transfer.request = payload
    transfer.overtaken = transfer.response !== undefined && transfer.response.payload.length > 0 && payload.length > 0
    this.#finish(transfer, protocolId, messageId)
  }

  #response(key: string, response: NonNullable<Transfer['response']>, protocolId: number, messageId: number): void {
    let transfer = this.#open.get(key)
    if (!transfer || transfer.response) {
      transfer = newTransfer(response.timeNs)
      this.#replace(key, transfer)
    }
    transfer.response = response
    this.#finish(transfer, protocolId, messageId)
  }

  /** Adds the exchange once both halves are there. */
  #finish(transfer: Transfer, protocolId: number, messageId: number): void {
    const { request, response, beganNs, overtaken } = transfer
    if (!request || !response || transfer.exchange) return
    const { status, payload: reply, timeNs } = response
    const tookNs = timeNs > beganNs ? timeNs - beganNs : undefined
    transfer.exchange = { protocolId, messageId, request, status, reply, tookNs }
    this.exchanges.push(transfer.exchange)
    if (overtaken) this.overtaken.add(transfer.exchange)
  }

  #delayed(key: string, timeNs: number): void {
    const { exchange, response } = this.#open.get(key) ?? {}
    if (exchange && response) exchange.delayedNs = Math.max(0, timeNs - response.timeNs)
  }
}

const newTransfer = (beganNs: number): Transfer => ({
  beganNs,
  request: undefined,
  response: undefined,
  overtaken: false,
  exchange: undefined,
})

const keyOf = ({ pt, msg_id, seq }: Record<string, string>): string => `${pt} ${msg_id} ${seq}`.toUpperCase()

function hexNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9a-f]{1,2}$/i.test(text) ? Number.parseInt(text, 16) : undefined
}

/** `pyld=` without anything is an empty payload. */
function bytesOf(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  return Uint8Array.from(Buffer.from(text, 'hex'))
}
