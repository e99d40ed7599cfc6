/** Events of a trace as JSON for other programs: names as in the trace, times in microseconds since its start. */
import { hexText, type Payload } from '../observe/messages.js'
import { printableJson } from '../support/printable.js'
import type { Values } from '../wire/fields.js'
import type { TracedEvent, TracedMessage, TracedMoment, TracedValue } from './reader.js'

/** One line. Integers beyond 2^53 are text. */
export function eventJson(event: TracedEvent, beganNs: number): string {
  const time_us = (event.timeNs - beganNs) / 1000
  const rest =
    event.what === 'message' ? messageJson(event) : event.what === 'moment' ? momentJson(event) : valueJson(event)
  return printableJson({ time_us, ...rest }, undefined, (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}

/** Without time. */
export function messageJson(message: TracedMessage): object {
  const { kind, agent, protocol, token, status, timeNs, answeredNs, delayed } = message
  const isCommand = kind === 'command'
  const isMoment = kind === 'notification' || kind === 'fast channel'
  return {
    kind,
    agent,
    protocol,
    message: message.message,
    token,
    ...(isCommand || kind === 'fast channel' ? { request: fieldsJson(message.request) } : {}),
    status,
    reply: fieldsJson(message.reply),
    ...(isMoment || answeredNs === undefined ? {} : { latency_us: (answeredNs - timeNs) / 1000 }),
    ...(isCommand ? { request_bytes: hexText(message.requestBytes), reply_bytes: hexText(message.replyBytes) } : {}),
    ...(isCommand ? {} : { event_bytes: hexText(message.replyBytes) }),
    ...(delayed ? { delayed: messageJson(delayed) } : {}),
  }
}

function momentJson({ category, name, agent, protocol, values, timeNs, endNs }: TracedMoment): object {
  const latency = endNs === undefined ? {} : { latency_us: (endNs - timeNs) / 1000 }
  return { kind: category, name, agent, protocol, ...latency, ...(fieldsJson(values) as object) }
}

function valueJson({ property, value, unit }: TracedValue): object {
  return { kind: 'value', property, value, unit }
}

const fieldsJson = (payload: Payload): Values | string => (payload instanceof Uint8Array ? hexText(payload) : payload)
