/**
 * The text of the kernel's trace as events: of trace and trace_pipe, `<idle>-0 [000] d.h2. 1.480552: scmi_rx_done: pt=10
 * msg_id=00 seq=0001 …`; of `trace-cmd report`, which may leave the flags out; of the console with tp_printk, `[ 1.480552]
 * scmi_rx_done: …`.
 */

export interface TraceLine {
  task: string
  /** Time by the trace's clock. */
  timeNs: number
  name: string
  /** The text after the name. */
  text: string
}

/** Longer lines are no events: a payload has at most some thousand bytes. */
const LINE_MAX = 20_000
const LINE = /^\s*(\S.{0,40}?)-\d+\s+(?:\([^)]{0,40}\)\s+)?\[\d+\]\s+(?:[^\s:]+\s+)?(\d+)\.(\d{6,9}): (\w+): *(.*?)\r?$/
const CONSOLE_LINE = /^(?:<\d+>)?\[ *(\d+)\.(\d{6})\](?:\[[^\]]{0,20}\])? (scmi_\w+): (.*?)\r?$/

/** Parses a line; undefined if it is no event, for example a line about lost events. */
export function parseLine(line: string): TraceLine | undefined {
  if (line.length > LINE_MAX) return undefined
  const [, task, seconds, fraction, name, text] = LINE.exec(line) ?? consoleParts(line) ?? []
  if (task === undefined || fraction === undefined || name === undefined || text === undefined) return undefined
  return { task, timeNs: Number(seconds) * 1e9 + Number(fraction.padEnd(9, '0')), name, text }
}

/** The parts of a line of the console, which names no task. */
function consoleParts(line: string): string[] | undefined {
  const [whole, seconds, fraction, name, text] = CONSOLE_LINE.exec(line) ?? []
  if (whole === undefined) return undefined
  return [whole, '', seconds!, fraction!, name!, text!]
}

/** The values of `pt=10 msg_id=00`, by name. */
export function fieldsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/(\w+)[=:](\S*)/g)].map(([, name, value]) => [name, value]))
}

/** One transfer of the kernel's SCMI core, from its beginning to its end. */
export interface Transfer {
  protocolId: number
  messageId: number
  /** As in the message's header. */
  token: number
  beganNs: number
  /** When the interrupt handler received the response; undefined: never. */
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
  /** Transfers that have begun, by transfer_id. */
  readonly #open = new Map<string, Transfer>()

  /** The transfer that a line ends, or another event; undefined for the beginning of a transfer. */
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
