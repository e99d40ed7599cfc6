/** The text of the kernel's trace_pipe as events: `<idle>-0 [000] d.h2. 1.480552: scmi_rx_done: pt=10 msg_id=00 seq=0001 …`. */

export interface TraceLine {
  task: string
  /** By the clock that the trace was told to use. */
  timeNs: number
  name: string
  /** What follows the name. */
  text: string
}

const LINE = /^\s*(.+)-\d+\s+(?:\(.*?\)\s+)?\[\d+\]\s+\S+\s+(\d+)\.(\d{6}): (\w+): ?(.*)$/

/** What a line says; undefined if it is no event, such as that of lost ones. */
export function parseLine(line: string): TraceLine | undefined {
  const [, task, seconds, micros, name, text] = LINE.exec(line) ?? []
  if (task === undefined || name === undefined || text === undefined) return undefined
  return { task, timeNs: Number(seconds) * 1e9 + Number(micros) * 1e3, name, text }
}

/** `pt=10 msg_id=00` by name, as text. */
export function fieldsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)[=:](\S*)/g)].map(([, name, value]) => [name, value]))
}

/** One transfer of the kernel's SCMI core, from its beginning to its end. */
export interface Transfer {
  protocolId: number
  messageId: number
  /** As it is in the message's header. */
  token: number
  beganNs: number
  /** When the response was received, in an interrupt; undefined: never. */
  receivedNs: number | undefined
  endedNs: number
  fields: Record<string, string>
}

/** Another event of the SCMI core. */
export interface Instant {
  protocolId: number
  timeNs: number
  name: string
  fields: Record<string, string>
}

const TOKEN_MASK = 0x3ff

/** Puts transfers together from the events of the system `scmi`. */
export class Transfers {
  /** By transfer_id: those that have begun. */
  readonly #open = new Map<string, Transfer>()

  /** The transfer that a line ends, or what else it tells; undefined for the beginning of one. */
  take({ name, text, timeNs, task }: TraceLine): Transfer | Instant | undefined {
    const fields = fieldsOf(text)
    const protocolId = Number.parseInt(fields.pt ?? '', 16)
    const id = `${fields.pt} ${fields.transfer_id}`
    const open = this.#open.get(id)
    if (name === 'scmi_xfer_begin') {
      const messageId = Number.parseInt(fields.msg_id ?? '', 16)
      const token = Number.parseInt(fields.seq ?? '', 16) & TOKEN_MASK
      const transfer = { protocolId, messageId, token, beganNs: timeNs, receivedNs: undefined, endedNs: timeNs }
      this.#open.set(id, { ...transfer, fields: { task, ...fields } })
      return undefined
    }
    if (name === 'scmi_xfer_end' && open) {
      this.#open.delete(id)
      return { ...open, endedNs: timeNs, fields: { ...open.fields, ...fields } }
    }
    // The first is the response, a second one the delayed response.
    if (name === 'scmi_rx_done' && open) open.receivedNs ??= timeNs
    return { protocolId, timeNs, name, fields: { task, ...fields } }
  }
}

export const isTransfer = (event: Transfer | Instant): event is Transfer => 'beganNs' in event
