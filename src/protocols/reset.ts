/** Reset domain management protocol, 0x16 (SCMI v3.2 §4.8), versions 1.0, 3.0 and 3.1. */
import { z } from 'zod'
import { mustFit, savedWord } from '../platform/core/kept.js'
import { resets } from '../platform/resets/index.js'
import type { ResetDomain, ResetEvents, Resets } from '../platform/resets/model.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol, event } from './declaration/define-protocol.js'
import { KeptView } from './declaration/kept-view.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { notify, respondLater } from './declaration/outgoing.js'
import { maxPending, PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions, subscribing } from './declaration/subscriptions.js'
import { answerCount, answerName } from './declaration/view.js'

const V1 = 0x10000
const V3 = 0x30000
const V3_1 = 0x30001

/** RESET_DOMAIN_ATTRIBUTES */
export const ASYNC_RESET = 2 ** 31
export const RESET_NOTIFICATIONS = 1 << 30
export const EXTENDED_NAME = 1 << 29

/** RESET flags */
export const AUTONOMOUS = 1 << 0
const ASSERT = 1 << 1
const ASYNC = 1 << 2
const RESET_FLAGS = 0x7

/** RESET_DOMAIN_ATTRIBUTES: the latency of a domain that does not tell it */
export const LATENCY_UNKNOWN = 0xffff_ffff

const DOMAIN_ID = [u32('domain_id')]

const RESET_ISSUED = event(0x0, 'RESET_ISSUED', [u32('agent_id'), u32('domain_id'), u32('reset_state')])

/** A RESET that is carried out later. */
const laterReset = z.strictObject({ id: savedWord, state: savedWord, header: savedWord })

class ResetView extends KeptView<ResetDomain> {
  readonly resets: Resets
  readonly issued = this.keep(new Subscriptions<ResetDomain>(this))
  readonly pending: PendingCommands<z.infer<typeof laterReset>>

  constructor(resets: Resets, protocol: AgentProtocol) {
    super(resets.list, protocol)
    this.resets = resets
    this.pending = this.keep(
      new PendingCommands(this, {
        max: maxPending(protocol),
        shape: laterReset,
        check: ({ id, state }) => mustFit(this.saved(id).supports(state), `no state: ${state}`),
        mark: ({ id }, underWay) => {
          this.list[id]!.resetting = underWay
        },
        finish: ({ id, state, header }) => {
          resets.reset(this.list[id]!, state, this.agentId)
          respondLater(protocol, header, DOMAIN_ID, { domain_id: id })
        },
      }),
    )
    this.listen<ResetEvents>(resets, {
      issued: (domain, agentId, state) => {
        const id = this.issued.idFor(domain)
        if (id === undefined) return
        notify(protocol, RESET_ISSUED, { agent_id: agentId, domain_id: id, reset_state: state }, domain)
      },
    })
  }
}

function resetDomainAttributes(
  view: ResetView,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  let attributes = view.pending.offersAsync(domain) ? ASYNC_RESET : 0
  if (domain.notifies) attributes += RESET_NOTIFICATIONS
  if (version >= V3) attributes += extendedNameFlag(domain.wireName, EXTENDED_NAME)
  reply.u32(attributes)
  reply.u32(domain.latencyUs ?? LATENCY_UNKNOWN)
  reply.text(domain.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

/** RESET, whose own name is that of the protocol. */
function resetReset(view: ResetView, request: RequestReader): number {
  const id = request.u32()
  const domain = view.find(id)
  const flags = request.u32()
  const wanted = request.u32()
  if (!domain) return view.refusal
  const autonomous = (flags & AUTONOMOUS) !== 0
  const asynchronous = (flags & ASYNC) !== 0
  if (flags & ~RESET_FLAGS || (asynchronous && !autonomous) || !domain.supports(wanted)) return INVALID_PARAMETERS
  if (asynchronous ? !view.pending.offersAsync(domain) : !autonomous && !domain.explicit) return NOT_SUPPORTED
  if (domain.resetting || (asynchronous && view.pending.busy)) return BUSY
  if (asynchronous) view.pending.start({ id, state: wanted, header: request.header }, domain.latencyUs)
  else if (autonomous) view.resets.reset(domain, wanted, view.agentId)
  else if (flags & ASSERT) view.resets.assert(domain, wanted, view.agentId)
  else view.resets.deassert(domain, view.agentId)
  return SUCCESS
}

const resetNotify = subscribing(
  (view: ResetView) => view.issued,
  domain => domain.notifies,
)

const command = commandsOn<ResetView>()

export const reset = defineProtocol({
  id: 0x16,
  name: 'reset',
  versions: [V1, V3, V3_1],
  resource: resets,
  attach: (platform, protocol) => new ResetView(platform.model(resets), protocol),
  show: view => ({
    resets: view.rows(({ name, asserted, stateNames }, id) => {
      return { id, name, asserted, states: [...stateNames.keys()] }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], answerCount),
    command(
      0x3,
      'RESET_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), u32('latency'), text('name')],
      resetDomainAttributes,
    ),
    command(0x4, 'RESET', [u32('domain_id'), u32('flags'), u32('reset_state')], [], resetReset, { delayed: DOMAIN_ID }),
    command(0x5, 'RESET_NOTIFY', [u32('domain_id'), u32('notify_enable')], [], resetNotify, { needsEvents: true }),
    command(0x6, 'RESET_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V3,
    }),
  ],
  events: [RESET_ISSUED],
})
