/** What is not compared with what a board told: times, and what needs memory that agents share, which only guests have. */

import { PROTOCOL_MESSAGE_ATTRIBUTES } from '../protocols/declaration/define-protocol.js'
import { HAS_FAST_CHANNELS } from '../protocols/declaration/fast-channels.js'
import type { Command, Protocol } from '../protocols/declaration/protocol.js'
import * as PERF from '../protocols/perf.js'
import * as POWERCAP from '../protocols/powercap.js'
import { decodeSome, type Values } from '../wire/fields.js'
import { MAY_BE_FAST } from './fast-channels.js'
import { viewOf } from './told.js'

/** Bits that announce fast channels, by command and field (SCMI v3.2 §4.5.3.4, §4.10.3.4). */
const FAST_CHANNELS: Readonly<Record<string, number>> = {
  PERFORMANCE_DOMAIN_ATTRIBUTES: PERF.FAST_CHANNELS,
  POWERCAP_DOMAIN_ATTRIBUTES: POWERCAP.FAST_CHANNELS,
}

const SHARED_OR_TIME = /^(statistics_|sensor_reg_|timestamp$)/

/** Messages that describe fast channels. */
const DESCRIBE_FAST_CHANNEL: Readonly<Record<string, number>> = { perf: 0xb, powercap: 0xc }

export const isAboutFastChannels = (protocol: string, messageId: number): boolean =>
  DESCRIBE_FAST_CHANNEL[protocol] === messageId

/** The values without those that a platform can't have, or not without a guest; `request` is the payload. */
export function withoutMemory(protocol: Protocol, command: Command, request: Uint8Array, values: Values): Values {
  const kept = without(values)
  const bit = FAST_CHANNELS[command.name]
  if (bit !== undefined && kept.attributes !== undefined) kept.attributes = cleared(Number(kept.attributes), bit)
  if (command.id === PROTOCOL_MESSAGE_ATTRIBUTES && kept.attributes !== undefined) {
    const { message_id } = decodeSome(command.request, viewOf(request))
    const asked = protocol.commands.find(({ id }) => id === Number(message_id))
    if (asked && MAY_BE_FAST.test(asked.name)) kept.attributes = cleared(Number(kept.attributes), HAS_FAST_CHANNELS)
  }
  return kept
}

const cleared = (word: number, bit: number): number => (word & ~bit) >>> 0

function without(values: Values): Values {
  const kept: Values = {}
  for (const [field, value] of Object.entries(values)) {
    if (SHARED_OR_TIME.test(field)) continue
    kept[field] = Array.isArray(value) ? value.map(without) : value
  }
  return kept
}
