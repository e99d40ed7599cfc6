/** Reset domain management protocol, 0x16 (SCMI v3.2 §4.8), versions 1.0, 3.0 and 3.1. */
import { z } from 'zod'
import { mustFit, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { resets } from '../platform/resets/index.js'
import type { ResetDomain, Resets } from '../platform/resets/model.js'
import { text, u32 } from '../wire/fields.js'
import type { RequestReader } from '../wire/message.js'
import { BUSY, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { PendingCommands } from './declaration/pending.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol, event } from './declaration/protocol.js'
import { answerName, ResourceView } from './declaration/view.js'

const V1 = 0x10000
const V3 = 0x30000
const V3_1 = 0x30001

/** RESET_DOMAIN_ATTRIBUTES */
const ASYNC_RESET = 2 ** 31
const RESET_NOTIFICATIONS = 1 << 30
const EXTENDED_NAME = 1 << 29

/** RESET flags */
const AUTONOMOUS = 1 << 0
const ASSERT = 1 << 1
const ASYNC = 1 << 2
const RESET_FLAGS = 0x7

/** RESET_DOMAIN_ATTRIBUTES, for a domain whose resets take no time that could be told */
const LATENCY_UNKNOWN = 0xffff_ffff

const RESET_ISSUED = 0x0

/** A reset that is carried out later. */
interface LaterReset {
  id: number
  state: number
  header: number
}

const savedReset = z.strictObject({ id: savedWord, state: savedWord, header: savedWord })
const savedState = z.tuple([z.array(savedWord), z.array(savedReset)])

class ResetState extends ResourceView<ResetDomain> implements AgentState {
  onChange: (() => void) | undefined
  readonly resets: Resets
  /** Asynchronous resets under way. */
  readonly pending: PendingCommands<LaterReset>
  readonly #subscribed = new Set<ResetDomain>()

  constructor(resets: Resets, maxPending: number, protocol: AgentProtocol) {
    super(resets.list, protocol)
    this.resets = resets
    this.pending = new PendingCommands(protocol, {
      max: maxPending,
      shape: savedReset,
      mark: ({ id }, underWay) => {
        this.list[id]!.resetting = underWay
      },
      finish: ({ id, state, header }) => {
        resets.reset(this.list[id]!, state, this.agentId)
        protocol.respondLater(header, [SUCCESS, id])
      },
    })
    resets.on('issued', this.#onIssued)
  }

  subscribe(domain: ResetDomain, on: boolean): void {
    if (on) this.#subscribed.add(domain)
    else this.#subscribed.delete(domain)
    this.onChange?.()
  }

  readonly #onIssued = (domain: ResetDomain, agentId: number, state: number): void => {
    const id = this.#subscribed.has(domain) ? this.idOf(domain) : undefined
    if (id !== undefined) this.protocol.notify(RESET_ISSUED, [agentId, id, state], domain)
  }

  override permissionsChanged(): readonly ResetDomain[] {
    const revoked = super.permissionsChanged()
    for (const domain of revoked) this.#subscribed.delete(domain)
    this.pending.refuse(id => this.find(id) === undefined)
    return revoked
  }

  /** Without an event queue the end could not be reported, and Linux would wait for it in vain. */
  offersAsync({ latencyUs }: ResetDomain): boolean {
    return latencyUs !== undefined && this.pending.max > 0 && this.protocol.agent.events.available
  }

  save(): Saved {
    return [this.idsOf(this.#subscribed), this.pending.save()]
  }

  restore(saved: Saved): void {
    const [subscribed, pending] = readSaved(savedState, saved)
    for (const id of subscribed) this.subscribe(this.saved(id), true)
    this.pending.restore(pending, ({ id, state }) => mustFit(this.saved(id).supports(state), `no state: ${state}`))
  }

  reset(): void {
    this.#subscribed.clear()
    this.pending.cancel()
  }

  release(): void {
    this.resets.off('issued', this.#onIssued)
    this.reset()
  }
}

function attributesOf(state: ResetState, domain: ResetDomain, version: number): number {
  let attributes = state.offersAsync(domain) ? ASYNC_RESET : 0
  if (domain.notifies) attributes += RESET_NOTIFICATIONS
  if (version >= V3) attributes += extendedNameFlag(domain.name, EXTENDED_NAME)
  return attributes
}

function issueReset(state: ResetState, request: RequestReader): number {
  const id = request.u32()
  const domain = state.find(id)
  const flags = request.u32()
  const wanted = request.u32()
  if (!domain) return state.refusal
  const autonomous = (flags & AUTONOMOUS) !== 0
  const asynchronous = (flags & ASYNC) !== 0
  if (flags & ~RESET_FLAGS || (asynchronous && !autonomous) || !domain.supports(wanted)) return INVALID_PARAMETERS
  if (asynchronous ? !state.offersAsync(domain) : !autonomous && !domain.explicit) return NOT_SUPPORTED
  if (domain.resetting || (asynchronous && state.pending.busy)) return BUSY
  if (asynchronous) state.pending.start({ id, state: wanted, header: request.header }, domain.latencyUs ?? 0)
  else if (autonomous) state.resets.reset(domain, wanted, state.agentId)
  else if (flags & ASSERT) state.resets.assert(domain, wanted, state.agentId)
  else state.resets.deassert(domain, state.agentId)
  return SUCCESS
}

const DOMAIN_ID = [u32('domain_id')]

const command = commandsOn<ResetState>()

export const reset = defineProtocol({
  id: 0x16,
  name: 'reset',
  versions: [V1, V3, V3_1],
  resource: resets,
  attach: (platform, protocol) =>
    new ResetState(
      platform.model(resets),
      platform.config.protocols.reset?.max_pending_async ?? Number.POSITIVE_INFINITY,
      protocol,
    ),
  show: ({ list }) => ({
    resets: list.map(({ name, asserted, stateNames }, id) => ({ id, name, asserted, states: [...stateNames.keys()] })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32(state.count)
      return SUCCESS
    }),
    command(
      0x3,
      'RESET_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), u32('latency'), text('name')],
      (state, request, reply, protocol) => {
        const domain = state.find(request.u32())
        if (!domain) return state.refusal
        reply.u32(attributesOf(state, domain, protocol.version))
        reply.u32(domain.latencyUs ?? LATENCY_UNKNOWN)
        reply.text(domain.name, SHORT_NAME_SIZE)
        return SUCCESS
      },
    ),
    command(0x4, 'RESET', [u32('domain_id'), u32('flags'), u32('reset_state')], [], issueReset, {
      delayed: [u32('domain_id')],
    }),
    command(
      0x5,
      'RESET_NOTIFY',
      [u32('domain_id'), u32('notify_enable')],
      [],
      (state, request) => {
        const domain = state.find(request.u32())
        const enable = request.u32()
        if (!domain) return state.refusal
        if (enable & ~1) return INVALID_PARAMETERS
        if (!domain.notifies) return NOT_SUPPORTED
        state.subscribe(domain, enable === 1)
        return SUCCESS
      },
      { needsEvents: true },
    ),
    command(0x6, 'RESET_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V3,
    }),
  ],
  events: [event(RESET_ISSUED, 'RESET_ISSUED', [u32('agent_id'), u32('domain_id'), u32('reset_state')])],
})
