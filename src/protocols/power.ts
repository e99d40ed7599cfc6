/** Power domain management protocol, 0x11 (SCMI v3.2 §4.3), versions 1.0, 2.0, 3.0 and 3.1. */
import { z } from 'zod'
import { mustFit, savedWord } from '../platform/core/kept.js'
import { powerDomains } from '../platform/power-domains/index.js'
import { ON, type PowerDomain, type PowerDomainEvents, type PowerDomains } from '../platform/power-domains/model.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol, event } from './declaration/define-protocol.js'
import { KeptView } from './declaration/kept-view.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { notify } from './declaration/outgoing.js'
import { PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions, subscribing } from './declaration/subscriptions.js'
import { answerName } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000
const V3 = 0x30000
const V3_1 = 0x30001

/** POWER_DOMAIN_ATTRIBUTES */
export const STATE_CHANGED_NOTIFICATIONS = 2 ** 31
export const ASYNC_STATE_SET = 1 << 30
export const SYNC_STATE_SET = 1 << 29
const STATE_REQUESTED_NOTIFICATIONS = 1 << 28
export const EXTENDED_NAME = 1 << 27

/** POWER_STATE_SET flags */
const ASYNC = 1 << 0

const DOMAIN_ID = [u32('domain_id')]
const NOTIFY = [u32('domain_id'), u32('notify_enable')]
const STATE_EVENT = [u32('agent_id'), u32('domain_id'), u32('power_state')]

const STATE_CHANGED = event(0x0, 'POWER_STATE_CHANGED', STATE_EVENT)
const STATE_CHANGE_REQUESTED = event(0x1, 'POWER_STATE_CHANGE_REQUESTED', STATE_EVENT, V2)

/** A POWER_STATE_SET that is carried out later. It has no delayed response: agents poll, or are notified. */
const stateSet = z.strictObject({ id: savedWord, state: savedWord })

class PowerView extends KeptView<PowerDomain> {
  readonly domains: PowerDomains
  readonly changed = this.keep(new Subscriptions<PowerDomain>(this))
  readonly requested = this.keep(new Subscriptions<PowerDomain>(this))
  readonly pending: PendingCommands<z.infer<typeof stateSet>>

  constructor(domains: PowerDomains, protocol: AgentProtocol) {
    super(domains.list, protocol)
    this.domains = domains
    this.pending = this.keep(
      new PendingCommands(this, {
        shape: stateSet,
        check: ({ id, state }) => mustFit(this.saved(id).supports(state), `no state: ${state}`),
        mark: ({ id }, underWay) => {
          this.list[id]!.changing = underWay
        },
        finish: ({ id, state }) => domains.setState(this.list[id]!, state, this.agentId),
      }),
    )
    this.listen<PowerDomainEvents>(domains, {
      stateChanged: (domain, agentId) => {
        const id = this.changed.idFor(domain)
        if (id === undefined) return
        notify(protocol, STATE_CHANGED, { agent_id: agentId, domain_id: id, power_state: domain.state }, domain)
      },
      stateRequested: (domain, agentId, state) => {
        const id = this.requested.idFor(domain)
        if (id === undefined) return
        notify(protocol, STATE_CHANGE_REQUESTED, { agent_id: agentId, domain_id: id, power_state: state }, domain)
      },
    })
  }

  override reset(): void {
    super.reset()
    this.domains.release(this.agentId, this.held)
    this.held.clear()
  }
}

function protocolAttributes(view: PowerView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32(view.count)
  // The statistics would be in memory that agent and platform share: over virtio there is none.
  reply.u64(0)
  reply.u32(0)
  return SUCCESS
}

function powerDomainAttributes(
  view: PowerView,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  let attributes = (domain.latencyUs === undefined ? 0 : ASYNC_STATE_SET) + (domain.sync ? SYNC_STATE_SET : 0)
  if (domain.notifies) attributes += STATE_CHANGED_NOTIFICATIONS
  if (version >= V3) {
    // Version 2.0 has these notifications too, but no bit that says so.
    if (domain.notifies) attributes += STATE_REQUESTED_NOTIFICATIONS
    attributes += extendedNameFlag(domain.wireName, EXTENDED_NAME)
  }
  reply.u32(attributes)
  reply.text(domain.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

function powerStateSet(view: PowerView, request: RequestReader): number {
  const flags = request.u32()
  const id = request.u32()
  const domain = view.find(id)
  const wanted = request.u32()
  if (!domain) return view.refusal
  if (flags & ~ASYNC || !domain.supports(wanted)) return INVALID_PARAMETERS
  const asynchronous = flags === ASYNC
  if (domain.critical && wanted !== ON) return DENIED
  if (asynchronous ? domain.latencyUs === undefined : !domain.sync) return NOT_SUPPORTED
  if (domain.changing) return BUSY
  view.domains.emit('stateRequested', domain, view.agentId, wanted)
  view.held.add(domain)
  if (asynchronous) view.pending.start({ id, state: wanted }, domain.latencyUs)
  else view.domains.setState(domain, wanted, view.agentId)
  return SUCCESS
}

function powerStateGet(view: PowerView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(domain.state)
  return SUCCESS
}

const notifies = (domain: PowerDomain) => domain.notifies
const powerStateNotify = subscribing((view: PowerView) => view.changed, notifies)
const powerStateChangeRequestedNotify = subscribing((view: PowerView) => view.requested, notifies)

const command = commandsOn<PowerView>()

export const power = defineProtocol({
  id: 0x11,
  name: 'power',
  versions: [V1, V2, V3, V3_1],
  resource: powerDomains,
  attach: (platform, protocol) => new PowerView(platform.model(powerDomains), protocol),
  show: view => ({
    power_domains: view.rows(({ name, state, stateNames, parents }, id) => {
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
      protocolAttributes,
    ),
    command(0x3, 'POWER_DOMAIN_ATTRIBUTES', DOMAIN_ID, [u32('attributes'), text('name')], powerDomainAttributes),
    command(0x4, 'POWER_STATE_SET', [u32('flags'), u32('domain_id'), u32('power_state')], [], powerStateSet),
    command(0x5, 'POWER_STATE_GET', DOMAIN_ID, [u32('power_state')], powerStateGet),
    command(0x6, 'POWER_STATE_NOTIFY', NOTIFY, [], powerStateNotify, { needsEvents: true }),
    command(0x7, 'POWER_STATE_CHANGE_REQUESTED_NOTIFY', NOTIFY, [], powerStateChangeRequestedNotify, {
      since: V2,
      needsEvents: true,
    }),
    command(0x8, 'POWER_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V3,
    }),
  ],
  events: [STATE_CHANGED, STATE_CHANGE_REQUESTED],
})
