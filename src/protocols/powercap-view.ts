/**
 * What the Powercap protocol keeps for one agent: subscriptions, caps that are set later, fast channels; and what its set
 * commands do.
 */
import { z } from 'zod'
import { PLATFORM_AGENT } from '../platform/core/agent-ids.js'
import { mustFit, mustHave, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import type { PowercapDomain } from '../platform/powercaps/domain.js'
import { type PowerCap, UNCAPPED } from '../platform/powercaps/limit.js'
import type { PowercapEvents, Powercaps } from '../platform/powercaps/model.js'
import { u32 } from '../wire/fields.js'
import { BUSY, DENIED, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { ChannelView } from './declaration/channel-view.js'
import { event } from './declaration/define-protocol.js'
import type { KeptPart } from './declaration/kept-view.js'
import { notify, respondLater } from './declaration/outgoing.js'
import { maxPending, PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions } from './declaration/subscriptions.js'
import { addChannels } from './powercap-channels.js'

export const V1 = 0x10000
export const V2 = 0x20000
export const V3 = 0x30000

export const CAP_CHANGED = event(0x0, 'POWERCAP_CAP_CHANGED', [
  u32('agent_id'),
  u32('domain_id'),
  u32('power_cap'),
  u32('pai'),
])
export const CAP_CHANGED_V3 = event(
  0x0,
  'POWERCAP_CAP_CHANGED',
  [u32('agent_id'), u32('domain_id'), u32('power_cap'), u32('cai'), u32('cpli')],
  V3,
)
export const MEASUREMENTS_CHANGED_V3 = event(
  0x1,
  'POWERCAP_MEASUREMENTS_CHANGED',
  [u32('agent_id'), u32('domain_id'), u32('power'), u32('mai')],
  V3,
)
export const MEASUREMENTS_CHANGED = event(0x1, 'POWERCAP_MEASUREMENTS_CHANGED', [
  u32('agent_id'),
  u32('domain_id'),
  u32('power'),
])

/** POWERCAP_CAP_SET: fields of the delayed response */
export const CAP_SET_DELAYED = [u32('domain_id'), u32('power_cap')]
export const CAP_SET_DELAYED_V3 = [u32('domain_id'), u32('power_cap'), u32('cpli')]

/** POWERCAP_DOMAIN_ATTRIBUTES: the parent of a domain that has none */
const ROOT = 0xffff_ffff

/** The powers between which an agent wants no notification of measurements. */
interface Thresholds {
  low: number
  high: number
  /** Where the last measurement was: 0 between them, -1 below, 1 above. The agent is notified when power leaves the range. */
  side: number
}

/** A POWERCAP_CAP_SET that is carried out later. */
const capSet = z.strictObject({ id: savedWord, cap: savedWord, header: savedWord, cpli: savedWord.default(0) })

const savedMeasurements = z.array(
  z.tuple([savedWord.describe('id'), savedWord.describe('low'), savedWord.describe('high'), z.int().min(-1).max(1)]),
)

/** Subscriptions to measurements. The domains measure as long as there are any. */
class Measurements implements KeptPart<PowercapDomain> {
  readonly #view: PowercapView
  readonly #thresholds = new Map<PowercapDomain, Thresholds>()

  constructor(view: PowercapView) {
    this.#view = view
  }

  /** Replaces the thresholds; undefined ends the subscription. */
  set(domain: PowercapDomain, thresholds: Thresholds | undefined): void {
    const { powercaps } = this.#view
    if (this.#thresholds.delete(domain)) powercaps.unwatch(domain)
    this.#view.onChange?.()
    if (!thresholds) return
    this.#thresholds.set(domain, thresholds)
    powercaps.watch(domain)
  }

  /** The agent's id of the domain, if this measurement is one to notify it of; otherwise undefined. */
  idFor(domain: PowercapDomain, power: number): number | undefined {
    const id = this.#view.idOf(domain)
    const thresholds = this.#thresholds.get(domain)
    if (id === undefined || !thresholds) return undefined
    const side = power < thresholds.low ? -1 : power > thresholds.high ? 1 : 0
    if (side === thresholds.side) return undefined
    thresholds.side = side
    this.#view.onChange?.()
    return side === 0 ? undefined : id
  }

  /** The agent's id of a domain of whose measurements it is notified. */
  subscribed(domain: PowercapDomain): number | undefined {
    return this.#thresholds.has(domain) ? this.#view.idOf(domain) : undefined
  }

  revoke(domains: Iterable<PowercapDomain>): void {
    for (const domain of domains) this.set(domain, undefined)
  }

  clear(): void {
    this.revoke([...this.#thresholds.keys()])
  }

  save(): Saved {
    return [...this.#thresholds].map(([domain, { low, high, side }]) => [this.#view.idOf(domain)!, low, high, side])
  }

  restore(saved: Saved): void {
    for (const [id, low, high, side] of readSaved(savedMeasurements, saved)) {
      this.set(this.#view.saved(id), { low, high, side })
    }
  }
}

export class PowercapView extends ChannelView<PowercapDomain> {
  readonly powercaps: Powercaps
  readonly caps = this.keep(new Subscriptions<PowercapDomain>(this))
  readonly measurements = this.keep(new Measurements(this))
  /** With a maximum of 0 none is offered. */
  readonly pending: PendingCommands<z.infer<typeof capSet>>

  constructor(powercaps: Powercaps, protocol: AgentProtocol) {
    super(powercaps.list, protocol)
    this.powercaps = powercaps
    this.pending = this.keep(
      new PendingCommands(this, {
        max: maxPending(protocol),
        shape: capSet,
        check: ({ id, cap, cpli }) => {
          const limit = mustHave(this.saved(id).caps[cpli], `no limit: ${cpli}`)
          mustFit(cap === UNCAPPED || limit.supportsCap(cap), `no cap: ${cap}`)
        },
        mark: ({ id }, underWay) => {
          this.list[id]!.changing = underWay
        },
        finish: ({ id, cap, header, cpli }) => {
          const domain = this.list[id]!
          powercaps.setCap(domain, cap, this.agentId, domain.caps[cpli])
          const values = { domain_id: id, power_cap: cap }
          if (this.isV3) respondLater(protocol, header, CAP_SET_DELAYED_V3, { ...values, cpli })
          else respondLater(protocol, header, CAP_SET_DELAYED, values)
        },
      }),
    )
    this.listen<PowercapEvents>(powercaps, {
      capChanged: (domain, agentId, limit) => {
        this.channels.refresh(domain)
        const id = this.caps.idFor(domain)
        if (id === undefined) return
        const { index, intervalUs } = limit
        const values = { agent_id: agentId, domain_id: id, power_cap: this.capOf(limit) }
        if (this.isV3) notify(protocol, CAP_CHANGED_V3, { ...values, cai: intervalUs, cpli: index }, domain)
        else if (index === 0) notify(protocol, CAP_CHANGED, { ...values, pai: intervalUs }, domain)
      },
      maiChanged: domain => {
        this.channels.refresh(domain)
        const id = this.measurements.subscribed(domain)
        if (id !== undefined && this.isV3) this.#tellPower(id, domain, powercaps.measure(domain))
      },
      sourceChanged: domain => this.channels.refresh(domain),
      measured: (domain, power) => {
        this.channels.refresh(domain)
        const id = this.measurements.idFor(domain, power)
        if (id !== undefined) this.#tellPower(id, domain, power)
      },
    })
    for (const domain of this.resources) addChannels(this, domain)
    if (this.channels.exist) this.keep(this.channels)
  }

  get isV3(): boolean {
    return this.protocol.version >= V3
  }

  #tellPower(id: number, domain: PowercapDomain, power: number): void {
    const values = { agent_id: PLATFORM_AGENT, domain_id: id, power }
    if (this.isV3) notify(this.protocol, MEASUREMENTS_CHANGED_V3, { ...values, mai: domain.maiUs }, domain)
    else notify(this.protocol, MEASUREMENTS_CHANGED, values, domain)
  }

  /** Why the agent may not set this cap of a limit now, or SUCCESS. */
  refusalOfCap(domain: PowercapDomain, limit: PowerCap, cap: number, isAsync = false): number {
    if (!domain.permissions.cap) return DENIED
    if (!limit.isConfigurable || (isAsync && !this.pending.offersAsync(domain))) return NOT_SUPPORTED
    const uncapped = cap === UNCAPPED && this.protocol.version >= V2
    return uncapped || limit.supportsCap(cap) ? SUCCESS : OUT_OF_RANGE
  }

  /** POWERCAP_CAP_SET by fast channel: at once. */
  setCap(domain: PowercapDomain, limit: PowerCap, cap: number): number {
    const refusal = this.refusalOfCap(domain, limit, cap)
    if (refusal !== SUCCESS) return refusal
    if (domain.changing) return BUSY
    this.powercaps.setCap(domain, cap, this.agentId, limit)
    return SUCCESS
  }

  /** POWERCAP_PAI_SET before version 3.0, and POWERCAP_CAI_SET; returns the status. */
  setInterval(domain: PowercapDomain, limit: PowerCap, us: number): number {
    if (!domain.permissions.pai) return DENIED
    if (!limit.hasIntervals) return NOT_SUPPORTED
    if (!limit.supportsInterval(us)) return OUT_OF_RANGE
    this.powercaps.setPai(domain, us, this.agentId, limit)
    return SUCCESS
  }

  /** What 0x6 gets: PAI, or MAI from version 3.0 on. */
  paiOf(domain: PowercapDomain): number {
    return this.isV3 ? domain.maiUs : domain.paiUs
  }

  /** What 0x7 does; returns the status. */
  setPai(domain: PowercapDomain, us: number): number {
    if (!this.isV3) return this.setInterval(domain, domain.caps[0], us)
    if (!domain.permissions.pai) return DENIED
    if (!domain.hasMeasurementIntervals) return NOT_SUPPORTED
    if (!domain.supportsMai(us)) return OUT_OF_RANGE
    this.powercaps.setMai(domain, us, this.agentId)
    return SUCCESS
  }

  /** Domains whose power agents read by channel are measured while their drivers run. */
  measureFor(domain: PowercapDomain): void {
    this.protocol.agent.shared?.onUse(used => {
      if (used) this.powercaps.watch(domain)
      else this.powercaps.unwatch(domain)
    })
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
  capOf({ cap, capRange }: PowerCap): number {
    return cap === UNCAPPED && this.protocol.version < V2 ? capRange.max : cap
  }
}
