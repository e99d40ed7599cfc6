/** From what protocols told to the sections of a platform file. What no section can say comes later, as recorded answers. */

import { BASE } from '../protocols/declaration/define-protocol.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { NOT_SUPPORTED } from '../wire/status.js'
import { type Board, protocolKeys } from './board.js'
import { Names, type Section } from './draft.js'
import type { Exchange } from './exchange.js'
import { clocks } from './sections/clocks.js'
import { perfDomains } from './sections/perf-domains.js'
import { pinctrl } from './sections/pinctrl.js'
import { powerDomains } from './sections/power-domains.js'
import { powercaps } from './sections/powercaps.js'
import { resets } from './sections/resets.js'
import { sensors } from './sections/sensors.js'
import { system } from './sections/system.js'
import { voltages } from './sections/voltages.js'
import { pushTo, Told } from './told.js'

/** Power and performance domains share their names: Linux makes power domains of both. */
type Learner = (told: Told, domains: Names) => Section | Section[]

const LEARNERS: Readonly<Record<string, Learner>> = {
  power: powerDomains,
  system,
  perf: perfDomains,
  clock: clocks,
  sensor: sensors,
  reset: resets,
  voltage: voltages,
  powercap: powercaps,
  pinctrl,
}

/** Without `max_pending_async` a platform has this many. */
const SENSORS_PENDING = 16
const PENDING_AT = 16
const PENDING = 0xff

export interface Model {
  board: Board
  /** By protocol id, of the protocols that are declared. */
  told: ReadonlyMap<number, Told>
}

export function modelOf(exchanges: readonly Exchange[], protocols: readonly Protocol[]): Model {
  const byProtocol = groupsOf(exchanges)
  const told = new Map<number, Told>()
  for (const protocol of protocols) {
    const some = byProtocol.get(protocol.id)
    if (some) told.set(protocol.id, new Told(protocol, some))
  }
  const board = identityOf(told.get(BASE))
  const domains = new Names()
  for (const one of told.values()) {
    const { name } = one.protocol
    const sections = [LEARNERS[name]?.(one, domains) ?? []].flat().filter(({ drafts, map }) => drafts.length > 0 || map)
    board.sections.push(...sections)
    if (sections.length === 0 && name !== 'base') continue
    const keys = { ...protocolKeys(one), ...pendingOf(one) }
    if (Object.keys(keys).length > 0) board.protocols[name] = keys
  }
  const hasChannels = board.sections.some(({ drafts }) => drafts.some(({ values }) => values.fast_channels))
  if (hasChannels) board.identity.shared_memory = {}
  if (answersUnknown([...told.values()])) board.identity.unknown_message = 'NOT_SUPPORTED'
  return { board, told }
}

function identityOf(base: Told | undefined): Board {
  const text = (command: string): string | undefined => {
    const value = base?.reply(command)?.vendor_identifier
    return value === undefined
      ? undefined
      : String(value)
          .replace(/[^ -~]/g, '?')
          .slice(0, 15)
  }
  const vendor = text('BASE_DISCOVER_VENDOR')
  const subVendor = text('BASE_DISCOVER_SUB_VENDOR')
  const version = base?.number('BASE_DISCOVER_IMPLEMENTATION_VERSION', undefined, 'implementation_version')
  const name = base?.reply('BASE_DISCOVER_AGENT', 1)?.name
  const unseen = [
    ...(vendor === undefined ? ['vendor'] : []),
    ...(subVendor === undefined ? ['sub_vendor'] : []),
    ...(version === undefined ? ['implementation_version'] : []),
    ...(name === undefined ? ["the agent's name"] : []),
  ]
  const identity: Record<string, unknown> = { vendor: vendor ?? 'unknown' }
  if (subVendor) identity.sub_vendor = subVendor
  if (version) identity.implementation_version = version
  if (name)
    identity.agents = [
      {
        name: String(name)
          .replace(/[^ -~]/g, '?')
          .slice(0, 15),
      },
    ]
  return { identity, unseen, plugins: [], protocols: {}, sections: [], recorded: [], head: [], foot: [] }
}

function pendingOf(told: Told): Record<string, unknown> {
  const { name } = told.protocol
  if (name === 'clock') {
    const attributes = told.number('PROTOCOL_ATTRIBUTES', undefined, 'attributes') ?? 0
    const max = (attributes >>> PENDING_AT) & PENDING
    return max > 0 ? { max_pending_async: max } : {}
  }
  const max = name === 'sensor' ? told.number('PROTOCOL_ATTRIBUTES', undefined, 'max_pending_async') : undefined
  return max === undefined || max === SENSORS_PENDING ? {} : { max_pending_async: max }
}

/** Whether messages that protocols do not have are answered NOT_SUPPORTED, as far as some were sent. */
function answersUnknown(told: readonly Told[]): boolean {
  const statuses = told.flatMap(one =>
    one.exchanges.filter(exchange => !one.command(exchange)).map(({ status }) => status),
  )
  return statuses.length > 0 && statuses.every(status => status === NOT_SUPPORTED)
}

function groupsOf(exchanges: readonly Exchange[]): Map<number, Exchange[]> {
  const groups = new Map<number, Exchange[]>()
  for (const exchange of exchanges) pushTo(groups, exchange.protocolId, exchange)
  return groups
}
