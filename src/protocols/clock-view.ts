/** What the Clock protocol keeps for one agent: subscriptions, and rates that are set later. */
import { z } from 'zod'
import type { Clock } from '../platform/clocks/clock.js'
import type { ClockEvents, Clocks } from '../platform/clocks/model.js'
import { mustFit, savedWord } from '../platform/core/kept.js'
import { u32, u64 } from '../wire/fields.js'
import { event } from './declaration/define-protocol.js'
import { KeptView } from './declaration/kept-view.js'
import { notify, respondLater } from './declaration/outgoing.js'
import { maxPending, PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions } from './declaration/subscriptions.js'

export const V1 = 0x10000
export const V2 = 0x20000
export const V3 = 0x30000

const RATE_EVENT = [u32('agent_id'), u32('clock_id'), u64('rate')]

export const RATE_CHANGED = event(0x0, 'CLOCK_RATE_CHANGED', RATE_EVENT, V2)
export const RATE_CHANGE_REQUESTED = event(0x1, 'CLOCK_RATE_CHANGE_REQUESTED', RATE_EVENT, V2)

/** CLOCK_RATE_SET: fields of the delayed response */
export const RATE_SET_DELAYED = [u32('clock_id'), u64('rate')]

/** A CLOCK_RATE_SET that is carried out later. */
const rateSet = z.strictObject({
  id: savedWord,
  rateHz: z.int().min(0),
  header: savedWord,
  respond: z.boolean(),
})

export class ClockView extends KeptView<Clock> {
  readonly clocks: Clocks
  readonly changed = this.keep(new Subscriptions<Clock>(this))
  readonly requested = this.keep(new Subscriptions<Clock>(this))
  /** With a maximum of 0 or 1 Linux never asks for any. */
  readonly pending: PendingCommands<z.infer<typeof rateSet>>

  constructor(clocks: Clocks, protocol: AgentProtocol) {
    super(clocks.list, protocol)
    this.clocks = clocks
    this.pending = this.keep(
      new PendingCommands(this, {
        max: maxPending(protocol) ?? 0,
        shape: rateSet,
        check: ({ id, rateHz }) => {
          const clock = this.saved(id)
          // A divider's rates may have changed since, with those of its parent.
          const isRate = clock.dividers !== undefined || clock.canHave(rateHz)
          mustFit(isRate, `no rate: ${rateHz}`)
        },
        finish: ({ id, rateHz, header, respond }) => {
          const clock = this.list[id]!
          clocks.setRate(clock, rateHz, this.agentId)
          // The rate may be another one: a divider's rates may have changed in the meantime.
          if (respond) respondLater(protocol, header, RATE_SET_DELAYED, { clock_id: id, rate: clock.rateHz })
        },
      }),
    )
    this.listen<ClockEvents>(clocks, {
      rateChanged: (clock, agentId) => {
        const id = this.changed.idFor(clock)
        if (id !== undefined)
          notify(protocol, RATE_CHANGED, { agent_id: agentId, clock_id: id, rate: clock.rateHz }, clock)
      },
      rateRequested: (clock, agentId, rateHz) => {
        const id = this.requested.idFor(clock)
        if (id === undefined) return
        notify(protocol, RATE_CHANGE_REQUESTED, { agent_id: agentId, clock_id: id, rate: rateHz }, clock)
      },
    })
  }

  /** Ids of the clocks that this one can be fed from, as far as this agent may use them. */
  parentIds(clock: Clock): number[] {
    return clock.parents.flatMap(parent => this.idOf(parent) ?? [])
  }

  override reset(): void {
    super.reset()
    for (const clock of this.held) clock.release(this.agentId)
    this.held.clear()
  }
}
