/** Power domain management protocol, 0x11 (SCMI v3.2 §4.3), versions 1.0, 2.0, 3.0 and 3.1. */
import { z } from 'zod'
import { mustFit, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { powerDomains } from '../platform/power-domains/index.js'
import { ON, type PowerDomain, type PowerDomains } from '../platform/power-domains/model.js'
import { text, u32 } from '../wire/fields.js'
import type { RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { PendingCommands } from './declaration/pending.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol, event } from './declaration/protocol.js'
import { answerName, ResourceView } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000
const V3 = 0x30000
const V3_1 = 0x30001

/** POWER_DOMAIN_ATTRIBUTES */
const STATE_CHANGED_NOTIFICATIONS = 2 ** 31
const ASYNC_STATE_SET = 1 << 30
const SYNC_STATE_SET = 1 << 29
const STATE_REQUESTED_NOTIFICATIONS = 1 << 28
const EXTENDED_NAME = 1 << 27

/** POWER_STATE_SET flags */
const ASYNC = 1 << 0

const STATE_CHANGED = 0x0
const STATE_CHANGE_REQUESTED = 0x1

const savedStateSet = z.strictObject({ id: savedWord, state: savedWord })
const savedState = z.tuple([z.array(savedWord), z.array(savedWord), z.array(savedStateSet)])

class PowerState extends ResourceView<PowerDomain> implements AgentState {
  onChange: (() => void) | undefined
  readonly domains: PowerDomains
  /** Changes under way. There are no delayed responses: agents poll, or are notified. */
  readonly pending: PendingCommands<{ id: number; state: number }>
  readonly #changed = new Set<PowerDomain>()
  readonly #requested = new Set<PowerDomain>()

  constructor(domains: PowerDomains, protocol: AgentProtocol) {
    super(domains.list, protocol)
    this.domains = domains
    this.pending = new PendingCommands(protocol, {
      shape: savedStateSet,
      mark: ({ id }, underWay) => {
        this.list[id]!.changing = underWay
      },
      finish: ({ id, state }) => domains.setState(this.list[id]!, state, this.agentId),
    })
    domains.on('stateChanged', this.#onChanged)
    domains.on('stateRequested', this.#onRequested)
  }

  subscribe(domain: PowerDomain, eventId: number, on: boolean): void {
    const subscribed = eventId === STATE_CHANGED ? this.#changed : this.#requested
    if (on) subscribed.add(domain)
    else subscribed.delete(domain)
    this.onChange?.()
  }

  readonly #onChanged = (domain: PowerDomain, agentId: number): void => {
    if (this.#changed.has(domain)) this.#notify(STATE_CHANGED, domain, agentId, domain.state)
  }

  readonly #onRequested = (domain: PowerDomain, agentId: number, state: number): void => {
    if (this.#requested.has(domain)) this.#notify(STATE_CHANGE_REQUESTED, domain, agentId, state)
  }

  #notify(eventId: number, domain: PowerDomain, agentId: number, state: number): void {
    const id = this.idOf(domain)
    if (id !== undefined) this.protocol.notify(eventId, [agentId, id, state], domain)
  }

  override permissionsChanged(): readonly PowerDomain[] {
    const revoked = super.permissionsChanged()
    for (const domain of revoked) {
      this.#changed.delete(domain)
      this.#requested.delete(domain)
    }
    this.pending.refuse(id => this.find(id) === undefined)
    return revoked
  }

  save(): Saved {
    return [this.idsOf(this.#changed), this.idsOf(this.#requested), this.pending.save()]
  }

  restore(saved: Saved): void {
    const [changed, requested, pending] = readSaved(savedState, saved)
    for (const id of changed) this.subscribe(this.saved(id), STATE_CHANGED, true)
    for (const id of requested) this.subscribe(this.saved(id), STATE_CHANGE_REQUESTED, true)
    this.pending.restore(pending, ({ id, state }) => mustFit(this.saved(id).supports(state), `no state: ${state}`))
  }

  reset(): void {
    this.#changed.clear()
    this.#requested.clear()
    this.pending.cancel()
    this.domains.release(this.agentId, this.held)
    this.held.clear()
  }

  release(): void {
    this.domains.off('stateChanged', this.#onChanged)
    this.domains.off('stateRequested', this.#onRequested)
    this.reset()
  }
}

function attributesOf(domain: PowerDomain, version: number): number {
  let attributes = (domain.latencyUs === undefined ? 0 : ASYNC_STATE_SET) + (domain.sync ? SYNC_STATE_SET : 0)
  if (domain.notifies) attributes += STATE_CHANGED_NOTIFICATIONS
  if (version >= V3) {
    // Version 2.0 has these notifications too, but no bit that tells of them.
    if (domain.notifies) attributes += STATE_REQUESTED_NOTIFICATIONS
    attributes += extendedNameFlag(domain.name, EXTENDED_NAME)
  }
  return attributes
}

function setState(state: PowerState, request: RequestReader): number {
  const flags = request.u32()
  const id = request.u32()
  const domain = state.find(id)
  const wanted = request.u32()
  if (!domain) return state.refusal
  if (flags & ~ASYNC || !domain.supports(wanted)) return INVALID_PARAMETERS
  const asynchronous = flags === ASYNC
  if (domain.critical && wanted !== ON) return DENIED
  if (asynchronous ? domain.latencyUs === undefined : !domain.sync) return NOT_SUPPORTED
  if (domain.changing) return BUSY
  state.domains.emit('stateRequested', domain, state.agentId, wanted)
  state.held.add(domain)
  if (asynchronous) state.pending.start({ id, state: wanted }, domain.latencyUs ?? 0)
  else state.domains.setState(domain, wanted, state.agentId)
  return SUCCESS
}

function subscribe(eventId: number) {
  return (state: PowerState, request: RequestReader): number => {
    const domain = state.find(request.u32())
    const enable = request.u32()
    if (!domain) return state.refusal
    if (enable & ~1) return INVALID_PARAMETERS
    if (!domain.notifies) return NOT_SUPPORTED
    state.subscribe(domain, eventId, enable === 1)
    return SUCCESS
  }
}

const DOMAIN_ID = [u32('domain_id')]
const NOTIFY = [u32('domain_id'), u32('notify_enable')]
const STATE_EVENT = [u32('agent_id'), u32('domain_id'), u32('power_state')]

const command = commandsOn<PowerState>()

export const power = defineProtocol({
  id: 0x11,
  name: 'power',
  versions: [V1, V2, V3, V3_1],
  resource: powerDomains,
  attach: (platform, protocol) => new PowerState(platform.model(powerDomains), protocol),
  show: view => ({
    power_domains: view.list.map(({ name, state, stateNames, parents }, id) => {
      const stateName = [...stateNames].find(([, number]) => number === state)?.[0]
      return {
        id,
        name,
        state: stateName,
        states: [...stateNames.keys()],
        parents: parents.flatMap(parent => view.nameOf(parent) ?? []),
      }
    }),
  }),
  commands: [
    command(
      0x1,
      'PROTOCOL_ATTRIBUTES',
      [],
      [u32('attributes'), u32('statistics_address_low'), u32('statistics_address_high'), u32('statistics_len')],
      (state, _request, reply) => {
        reply.u32(state.count)
        // The statistics live in memory that virtio does not share: there are none.
        reply.u64(0)
        reply.u32(0)
        return SUCCESS
      },
    ),
    command(
      0x3,
      'POWER_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), text('name')],
      (state, request, reply, protocol) => {
        const domain = state.find(request.u32())
        if (!domain) return state.refusal
        reply.u32(attributesOf(domain, protocol.version))
        reply.text(domain.name, SHORT_NAME_SIZE)
        return SUCCESS
      },
    ),
    command(0x4, 'POWER_STATE_SET', [u32('flags'), u32('domain_id'), u32('power_state')], [], setState),
    command(0x5, 'POWER_STATE_GET', DOMAIN_ID, [u32('power_state')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      reply.u32(domain.state)
      return SUCCESS
    }),
    command(0x6, 'POWER_STATE_NOTIFY', NOTIFY, [], subscribe(STATE_CHANGED), { needsEvents: true }),
    command(0x7, 'POWER_STATE_CHANGE_REQUESTED_NOTIFY', NOTIFY, [], subscribe(STATE_CHANGE_REQUESTED), {
      since: V2,
      needsEvents: true,
    }),
    command(0x8, 'POWER_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V3,
    }),
  ],
  events: [
    event(STATE_CHANGED, 'POWER_STATE_CHANGED', STATE_EVENT),
    event(STATE_CHANGE_REQUESTED, 'POWER_STATE_CHANGE_REQUESTED', STATE_EVENT, V2),
  ],
})
