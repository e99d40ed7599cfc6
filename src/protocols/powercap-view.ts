/** What the Powercap protocol keeps for one agent: subscriptions, and caps that are set later. */
import { z } from 'zod'
import { PLATFORM_AGENT } from '../platform/core/agent-ids.js'
import { mustFit, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { type PowercapDomain, UNCAPPED } from '../platform/powercaps/domain.js'
import type { PowercapEvents, Powercaps } from '../platform/powercaps/model.js'
import { u32 } from '../wire/fields.js'
import { event } from './declaration/define-protocol.js'
import { type KeptPart, KeptView } from './declaration/kept-view.js'
import { notify, respondLater } from './declaration/outgoing.js'
import { maxPending, PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions } from './declaration/subscriptions.js'

export const V1 = 0x10000
export const V2 = 0x20000

export const CAP_CHANGED = event(0x0, 'POWERCAP_CAP_CHANGED', [
  u32('agent_id'),
  u32('domain_id'),
  u32('power_cap'),
  u32('pai'),
])
export const MEASUREMENTS_CHANGED = event(0x1, 'POWERCAP_MEASUREMENTS_CHANGED', [
  u32('agent_id'),
  u32('domain_id'),
  u32('power'),
])

/** POWERCAP_CAP_SET: fields of the delayed response */
export const CAP_SET_DELAYED = [u32('domain_id'), u32('power_cap')]

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
const capSet = z.strictObject({ id: savedWord, cap: savedWord, header: savedWord })

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

export class PowercapView extends KeptView<PowercapDomain> {
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
        check: ({ id, cap }) => {
          const domain = this.saved(id)
          mustFit(cap === UNCAPPED || domain.supportsCap(cap), `no cap: ${cap}`)
        },
        mark: ({ id }, underWay) => {
          this.list[id]!.changing = underWay
        },
        finish: ({ id, cap, header }) => {
          powercaps.setCap(this.list[id]!, cap, this.agentId)
          respondLater(protocol, header, CAP_SET_DELAYED, { domain_id: id, power_cap: cap })
        },
      }),
    )
    this.listen<PowercapEvents>(powercaps, {
      capChanged: (domain, agentId) => {
        const id = this.caps.idFor(domain)
        if (id === undefined) return
        const values = { agent_id: agentId, domain_id: id, power_cap: this.capOf(domain), pai: domain.paiUs }
        notify(protocol, CAP_CHANGED, values, domain)
      },
      measured: (domain, power) => {
        const id = this.measurements.idFor(domain, power)
        if (id !== undefined)
          notify(protocol, MEASUREMENTS_CHANGED, { agent_id: PLATFORM_AGENT, domain_id: id, power }, domain)
      },
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
  capOf({ cap, capRange }: PowercapDomain): number {
    return cap === UNCAPPED && this.protocol.version < V2 ? capRange.max : cap
  }
}
