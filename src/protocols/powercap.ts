/** Powercap management protocol, 0x18 (SCMI v3.2 §4.10), versions 1.0 and 2.0. */
import { z } from 'zod'
import { mustFit, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { powercaps } from '../platform/powercaps/index.js'
import { type PowercapDomain, type Powercaps, UNCAPPED } from '../platform/powercaps/model.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { PendingCommands } from './declaration/pending.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol, event } from './declaration/protocol.js'
import { answerName, ResourceView } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000

/** POWERCAP_DOMAIN_ATTRIBUTES. Bit 22, fast channels, is never set: they need memory that agent and platform share. */
const CAP_NOTIFICATIONS = 2 ** 31
const MEASUREMENT_NOTIFICATIONS = 1 << 30
const ASYNC_CAP_SET = 1 << 29
const EXTENDED_NAME = 1 << 28
const CAP_CONFIGURABLE = 1 << 27
const MONITORED = 1 << 26
const PAI_CONFIGURABLE = 1 << 25
const UNITS = { abstract: 0 << 23, microwatt: 1 << 23, milliwatt: 2 << 23 }

/** POWERCAP_DOMAIN_ATTRIBUTES: the parent of a domain that has none. */
const ROOT = 0xffff_ffff

/** POWERCAP_CAP_SET flags */
const NO_DELAYED_RESPONSE = 1 << 0
const ASYNC = 1 << 1
const CAP_SET_FLAGS = ASYNC | NO_DELAYED_RESPONSE

const CAP_CHANGED = 0x0
const MEASUREMENTS_CHANGED = 0x1

/** Agent id of the platform itself, which is who measures. */
const PLATFORM = 0

/** The powers between which an agent wants no notification of measurements. */
interface Thresholds {
  low: number
  high: number
  /** Where the last measurement was: 0 between them, -1 below, 1 above. The agent hears of leaving, not of staying. */
  side: number
}

/** A cap that is set later. */
interface CapSet {
  id: number
  cap: number
  header: number
}

const savedCapSet = z.strictObject({ id: savedWord, cap: savedWord, header: savedWord })
const savedState = z.tuple([
  z.array(savedWord).describe('ids'),
  z.array(
    z.tuple([savedWord.describe('id'), savedWord.describe('low'), savedWord.describe('high'), z.int().min(-1).max(1)]),
  ),
  z.array(savedCapSet),
])

class PowercapState extends ResourceView<PowercapDomain> implements AgentState {
  onChange: (() => void) | undefined
  readonly powercaps: Powercaps
  /** CAP_SETs under way; with a maximum of 0 none is offered. */
  readonly pending: PendingCommands<CapSet>
  readonly #caps = new Set<PowercapDomain>()
  readonly #measurements = new Map<PowercapDomain, Thresholds>()

  constructor(powercaps: Powercaps, maxPending: number, protocol: AgentProtocol) {
    super(powercaps.list, protocol)
    this.powercaps = powercaps
    this.pending = new PendingCommands(protocol, {
      max: maxPending,
      shape: savedCapSet,
      mark: ({ id }, underWay) => {
        this.list[id]!.changing = underWay
      },
      finish: ({ id, cap, header }) => {
        powercaps.setCap(this.list[id]!, cap, this.agentId)
        protocol.respondLater(header, [SUCCESS, id, cap])
      },
    })
    powercaps.on('capChanged', this.#onCapChanged)
    powercaps.on('measured', this.#onMeasured)
  }

  subscribeCap(domain: PowercapDomain, on: boolean): void {
    if (on) this.#caps.add(domain)
    else this.#caps.delete(domain)
    this.onChange?.()
  }

  /** Replaces the thresholds; undefined ends the subscription. */
  subscribeMeasurements(domain: PowercapDomain, thresholds: Thresholds | undefined): void {
    if (this.#measurements.delete(domain)) this.powercaps.unwatch(domain)
    this.onChange?.()
    if (!thresholds) return
    this.#measurements.set(domain, thresholds)
    this.powercaps.watch(domain)
  }

  readonly #onCapChanged = (domain: PowercapDomain, agentId: number): void => {
    const id = this.idOf(domain)
    if (id === undefined || !this.#caps.has(domain)) return
    this.protocol.notify(CAP_CHANGED, [agentId, id, this.capOf(domain), domain.paiUs], domain)
  }

  readonly #onMeasured = (domain: PowercapDomain, power: number): void => {
    const id = this.idOf(domain)
    const thresholds = this.#measurements.get(domain)
    if (id === undefined || !thresholds) return
    const side = power < thresholds.low ? -1 : power > thresholds.high ? 1 : 0
    if (side === thresholds.side) return
    thresholds.side = side
    this.onChange?.()
    if (side !== 0) this.protocol.notify(MEASUREMENTS_CHANGED, [PLATFORM, id, power], domain)
  }

  override permissionsChanged(): readonly PowercapDomain[] {
    const revoked = super.permissionsChanged()
    for (const domain of revoked) {
      this.subscribeCap(domain, false)
      this.subscribeMeasurements(domain, undefined)
    }
    this.pending.refuse(id => this.find(id) === undefined)
    return revoked
  }

  /** Id of the closest domain above that this agent may use. */
  parentIdOf(domain: PowercapDomain): number {
    for (let { parent } = domain; parent; parent = parent.parent) {
      const id = this.idOf(parent)
      if (id !== undefined) return id
    }
    return ROOT
  }

  /** The cap as it goes over the wire. 1.0 has no word for "not capped": the highest cap limits least. */
  capOf({ cap, capRange }: PowercapDomain): number {
    return cap === UNCAPPED && this.protocol.version < V2 ? capRange.max : cap
  }

  /** Not without an event queue: Linux uses the asynchronous form wherever it is offered. */
  offersAsync({ latencyUs }: PowercapDomain): boolean {
    return latencyUs !== undefined && this.pending.max > 0 && this.protocol.agent.events.available
  }

  save(): Saved {
    const measurements = [...this.#measurements].map(([domain, { low, high, side }]) => {
      return [this.idOf(domain)!, low, high, side]
    })
    return [this.idsOf(this.#caps), measurements, this.pending.save()]
  }

  restore(saved: Saved): void {
    const [caps, measurements, pending] = readSaved(savedState, saved)
    for (const id of caps) this.subscribeCap(this.saved(id), true)
    for (const [id, low, high, side] of measurements) this.subscribeMeasurements(this.saved(id), { low, high, side })
    this.pending.restore(pending, ({ id, cap }) => {
      const domain = this.saved(id)
      mustFit(cap === UNCAPPED || domain.supportsCap(cap), `no cap: ${cap}`)
    })
  }

  reset(): void {
    this.#caps.clear()
    for (const domain of this.#measurements.keys()) this.powercaps.unwatch(domain)
    this.#measurements.clear()
    this.pending.cancel()
  }

  release(): void {
    this.powercaps.off('capChanged', this.#onCapChanged)
    this.powercaps.off('measured', this.#onMeasured)
    this.reset()
  }
}

function attributesOf(state: PowercapState, domain: PowercapDomain): number {
  let attributes = UNITS[domain.unit] + extendedNameFlag(domain.name, EXTENDED_NAME)
  if (domain.notifies) attributes += CAP_NOTIFICATIONS
  if (domain.notifies && domain.source) attributes += MEASUREMENT_NOTIFICATIONS
  if (state.offersAsync(domain)) attributes += ASYNC_CAP_SET
  if (domain.capConfigurable) attributes += CAP_CONFIGURABLE
  if (domain.source) attributes += MONITORED
  if (domain.paiConfigurable) attributes += PAI_CONFIGURABLE
  return attributes
}

function domainAttributes(state: PowercapState, request: RequestReader, reply: MessageWriter): number {
  const domain = state.find(request.u32())
  if (!domain) return state.refusal
  const { paiRange, capRange } = domain
  reply.u32(attributesOf(state, domain))
  reply.text(domain.name, SHORT_NAME_SIZE)
  reply.u32(paiRange.min)
  reply.u32(paiRange.max)
  reply.u32(paiRange.step)
  reply.u32(capRange.min)
  reply.u32(capRange.max)
  reply.u32(capRange.step)
  reply.u32(domain.sustainablePower)
  reply.u32(domain.accuracy)
  reply.u32(state.parentIdOf(domain))
  return SUCCESS
}

function setCap(state: PowercapState, request: RequestReader, _reply: MessageWriter, protocol: AgentProtocol): number {
  const id = request.u32()
  const domain = state.find(id)
  const flags = request.u32()
  const cap = request.u32()
  if (!domain) return state.refusal
  if (flags & ~CAP_SET_FLAGS) return INVALID_PARAMETERS
  if (!domain.permissions.cap) return DENIED
  if (!domain.capConfigurable) return NOT_SUPPORTED
  if (flags & ASYNC && !state.offersAsync(domain)) return NOT_SUPPORTED
  const uncapped = cap === UNCAPPED && protocol.version >= V2
  if (!uncapped && !domain.supportsCap(cap)) return OUT_OF_RANGE
  // Who ignores the delayed response gets the cap at once: Linux sets caps so when it reads them back right after.
  const later = (flags & ASYNC) !== 0 && (flags & NO_DELAYED_RESPONSE) === 0
  if (domain.changing || (later && state.pending.busy)) return BUSY
  if (later) state.pending.start({ id, cap, header: request.header }, domain.latencyUs ?? 0)
  else state.powercaps.setCap(domain, cap, state.agentId)
  return SUCCESS
}

function setPai(state: PowercapState, request: RequestReader): number {
  const domain = state.find(request.u32())
  const flags = request.u32()
  const us = request.u32()
  if (!domain) return state.refusal
  if (flags !== 0) return INVALID_PARAMETERS
  if (!domain.permissions.pai) return DENIED
  if (!domain.paiConfigurable) return NOT_SUPPORTED
  if (!domain.supportsPai(us)) return OUT_OF_RANGE
  state.powercaps.setPai(domain, us, state.agentId)
  return SUCCESS
}

function capNotify(state: PowercapState, request: RequestReader): number {
  const domain = state.find(request.u32())
  const enable = request.u32()
  if (!domain) return state.refusal
  if (enable & ~1) return INVALID_PARAMETERS
  if (!domain.notifies) return NOT_SUPPORTED
  state.subscribeCap(domain, enable === 1)
  return SUCCESS
}

function measurementsNotify(state: PowercapState, request: RequestReader): number {
  const domain = state.find(request.u32())
  const enable = request.u32()
  const low = request.u32()
  const high = request.u32()
  if (!domain) return state.refusal
  if (enable & ~1 || (enable === 1 && low > high)) return INVALID_PARAMETERS
  if (!domain.notifies || !domain.source) return NOT_SUPPORTED
  state.subscribeMeasurements(domain, enable === 1 ? { low, high, side: 0 } : undefined)
  return SUCCESS
}

const DOMAIN_ID = [u32('domain_id')]
const RANGES = [
  ...[u32('min_pai'), u32('max_pai'), u32('pai_step')],
  ...[u32('min_power_cap'), u32('max_power_cap'), u32('power_cap_step')],
]

/** POWERCAP_DESCRIBE_FASTCHANNEL is not declared: there are no fast channels. */
const command = commandsOn<PowercapState>()

export const powercap = defineProtocol({
  id: 0x18,
  name: 'powercap',
  versions: [V1, V2],
  resource: powercaps,
  attach: (platform, protocol) => {
    const maxPending = platform.config.protocols.powercap?.max_pending_async ?? Number.POSITIVE_INFINITY
    return new PowercapState(platform.model(powercaps), maxPending, protocol)
  },
  show: (view, nowUs) => ({
    powercaps: view.list.map(({ name, unit, cap, capRange, source, paiUs, parent }, id) => ({
      id,
      name,
      unit,
      cap: cap === UNCAPPED ? 'none' : cap,
      min_cap: capRange.min,
      max_cap: capRange.max,
      power: source?.read(nowUs),
      averaged_us: paiUs,
      parent: view.nameOf(parent),
    })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32(state.count)
      return SUCCESS
    }),
    command(
      0x3,
      'POWERCAP_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), text('name'), ...RANGES, u32('sustainable_power'), u32('accuracy'), u32('parent_id')],
      domainAttributes,
    ),
    command(0x4, 'POWERCAP_CAP_GET', DOMAIN_ID, [u32('power_cap')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      reply.u32(state.capOf(domain))
      return SUCCESS
    }),
    command(0x5, 'POWERCAP_CAP_SET', [u32('domain_id'), u32('flags'), u32('power_cap')], [], setCap, {
      delayed: [u32('domain_id'), u32('power_cap')],
    }),
    command(0x6, 'POWERCAP_PAI_GET', DOMAIN_ID, [u32('pai')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      reply.u32(domain.paiUs)
      return SUCCESS
    }),
    command(0x7, 'POWERCAP_PAI_SET', [u32('domain_id'), u32('flags'), u32('pai')], [], setPai),
    command(0x8, 'POWERCAP_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName),
    command(0x9, 'POWERCAP_MEASUREMENTS_GET', DOMAIN_ID, [u32('power'), u32('pai')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      if (!domain.source) return NOT_SUPPORTED
      reply.u32(state.powercaps.measure(domain))
      reply.u32(domain.paiUs)
      return SUCCESS
    }),
    command(0xa, 'POWERCAP_CAP_NOTIFY', [u32('domain_id'), u32('notify_enable')], [], capNotify, { needsEvents: true }),
    command(
      0xb,
      'POWERCAP_MEASUREMENTS_NOTIFY',
      [u32('domain_id'), u32('notify_enable'), u32('power_thresh_low'), u32('power_thresh_high')],
      [],
      measurementsNotify,
      { needsEvents: true },
    ),
  ],
  events: [
    event(CAP_CHANGED, 'POWERCAP_CAP_CHANGED', [u32('agent_id'), u32('domain_id'), u32('power_cap'), u32('pai')]),
    event(MEASUREMENTS_CHANGED, 'POWERCAP_MEASUREMENTS_CHANGED', [u32('agent_id'), u32('domain_id'), u32('power')]),
  ],
})
