/** Events of a trace as lines, much like strace: time, agent, request, result. */
import colors from 'picocolors'
import { hexText, type Payload } from '../observe/messages.js'
import { formatQuantity, SECONDS } from '../platform/core/unit-text.js'
import { printable, printableCell } from '../support/printable.js'
import type { Value, Values } from '../wire/fields.js'
import { momentOf, type TracedEvent, type TracedMessage, type TracedMoment, type TracedValue } from './reader.js'

/** Width of the time at the start of a line. */
const START_WIDTH = 12

type Paint = (text: string) => string

export class TraceText {
  readonly #beganNs: number
  readonly #agentWidth: number
  readonly #paint: Record<'dim' | 'good' | 'bad' | 'name' | 'event', Paint>

  /** Times are relative to `beganNs`. */
  constructor(beganNs: number, agents: readonly string[], colored: boolean) {
    this.#beganNs = beganNs
    this.#agentWidth = agents.reduce((width, agent) => Math.max(width, printableCell(agent).length), 0)
    const { dim, green, red, bold, yellow } = colors.createColors(colored)
    this.#paint = { dim, good: green, bad: red, name: bold, event: yellow }
  }

  line(event: TracedEvent): string {
    if (event.what === 'value') return this.#start(event.timeNs, '') + this.#value(event)
    if (event.what === 'moment') return this.#start(event.timeNs, event.agent ?? '') + this.#moment(event)
    return this.#start(momentOf(event), event.agent) + this.message(event)
  }

  /** Without time and agent. */
  message(message: TracedMessage): string {
    const { kind, protocol, token, request } = message
    const name = `${printableCell(protocol)} ${this.#paint.name(printableCell(message.message))}`
    if (kind === 'notification') return `${this.#paint.event('!')} ${name}${payloadText(message.reply)}`
    if (kind === 'fast channel')
      return `${this.#paint.event('>')} ${name}${payloadText(request)} fast channel ${this.outcome(message)}`
    if (kind === 'delayed response')
      return `${this.#paint.event('!')} ${name} #${token} delayed ${this.outcome(message)}`
    const later = message.delayed ? `, delayed ${this.outcome(message.delayed)}` : ''
    return `${name}${payloadText(request) || '()'} #${token} ${this.outcome(message)}${later}`
  }

  /** The result of a message, on a line below the message. */
  answer(message: TracedMessage): string {
    return `${' '.repeat(START_WIDTH + this.#agentWidth)} ${this.outcome(message)}`
  }

  removed(line: string): string {
    return this.#paint.bad(`- ${line}`)
  }

  added(line: string): string {
    return this.#paint.good(`+ ${line}`)
  }

  title(text: string): string {
    return this.#paint.name(printable(text))
  }

  /** `= SUCCESS {rate=24000000} <12.3 us>`; a write to a fast channel takes no time. */
  outcome({ kind, status, reply, timeNs, answeredNs }: TracedMessage): string {
    const paint = status === 'SUCCESS' ? this.#paint.good : this.#paint.bad
    const fields = isEmpty(reply) ? '' : ` ${payloadText(reply, '{', '}')}`
    if (kind === 'fast channel') return `= ${paint(printableCell(status ?? '?'))}`
    const took = answeredNs === undefined ? '?' : durationText(answeredNs - timeNs)
    return `= ${paint(printableCell(status ?? 'no answer'))}${fields} ${this.#paint.dim(`<${took}>`)}`
  }

  #moment({ category, name, protocol, values, timeNs, endNs }: TracedMoment): string {
    if (category === 'kernel') {
      const took = endNs === undefined ? '' : ` <${durationText(endNs - timeNs)}>`
      return this.#paint.dim(`~ kernel ${printableCell(`${protocol} ${name}`)}${payloadText(values)}${took}`)
    }
    const what = category === 'driver' ? name : [protocol, name].filter(Boolean).join(' ')
    const text = category === 'trace' || isEmpty(values) ? '' : ` ${payloadText(values, '', '')}`
    return this.#paint.event(`* ${printableCell(what)}${text}`)
  }

  #value({ property, value, unit }: TracedValue): string {
    return this.#paint.dim(printable(`  ${property} = ${value}${unit ? ` ${unit}` : ''}`))
  }

  #start(timeNs: number, agent: string): string {
    const seconds = ((timeNs - this.#beganNs) / 1e9).toFixed(6).padStart(START_WIDTH)
    return `${this.#paint.dim(seconds)} ${printableCell(agent).padEnd(this.#agentWidth)} `
  }
}

export const durationText = (ns: number): string => formatQuantity(Number((ns / 1e9).toPrecision(3)), SECONDS)

const isEmpty = (payload: Payload): boolean =>
  payload instanceof Uint8Array ? payload.length === 0 : Object.keys(payload).length === 0

/** `(clock_id=2, flags=1)`; empty without fields. */
export function payloadText(payload: Payload, open = '(', close = ')'): string {
  if (isEmpty(payload)) return ''
  return printable(`${open}${payload instanceof Uint8Array ? hexText(payload) : fieldsText(payload)}${close}`)
}

const fieldsText = (values: Values): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(', ')

function valueText(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(entry => `{${fieldsText(entry)}}`).join(', ')}]`
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
