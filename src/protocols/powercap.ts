/**
 * Powercap management protocol, 0x18 (SCMI v3.2 §4.10), versions 1.0 and 2.0. Fast channels are memory that agent and
 * platform share, which virtio has not: POWERCAP_DESCRIBE_FASTCHANNEL is not declared.
 */
import { type PowercapDomain, UNCAPPED } from '../platform/powercaps/domain.js'
import { powercaps } from '../platform/powercaps/index.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { subscribing } from './declaration/subscriptions.js'
import { answerCount, answerName } from './declaration/view.js'
import { CAP_CHANGED, CAP_SET_DELAYED, MEASUREMENTS_CHANGED, PowercapView, V1, V2 } from './powercap-view.js'

/** POWERCAP_DOMAIN_ATTRIBUTES */
export const CAP_NOTIFICATIONS = 2 ** 31
const MEASUREMENT_NOTIFICATIONS = 1 << 30
export const ASYNC_CAP_SET = 1 << 29
export const EXTENDED_NAME = 1 << 28
export const CAP_CONFIGURABLE = 1 << 27
export const MONITORED = 1 << 26
export const PAI_CONFIGURABLE = 1 << 25
export const UNITS = { abstract: 0 << 23, microwatt: 1 << 23, milliwatt: 2 << 23 }

/** POWERCAP_CAP_SET flags */
const NO_DELAYED_RESPONSE = 1 << 0
const ASYNC = 1 << 1
const CAP_SET_FLAGS = ASYNC | NO_DELAYED_RESPONSE

const DOMAIN_ID = [u32('domain_id')]
const RANGES = [
  ...[u32('min_pai'), u32('max_pai'), u32('pai_step')],
  ...[u32('min_power_cap'), u32('max_power_cap'), u32('power_cap_step')],
]

function attributesOf(view: PowercapView, domain: PowercapDomain): number {
  let attributes = UNITS[domain.unit] + extendedNameFlag(domain.wireName, EXTENDED_NAME)
  if (domain.notifies) attributes += CAP_NOTIFICATIONS
  if (domain.notifies && domain.source) attributes += MEASUREMENT_NOTIFICATIONS
  if (view.pending.offersAsync(domain)) attributes += ASYNC_CAP_SET
  if (domain.capConfigurable) attributes += CAP_CONFIGURABLE
  if (domain.source) attributes += MONITORED
  if (domain.paiConfigurable) attributes += PAI_CONFIGURABLE
  return attributes
}

function powercapDomainAttributes(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  const { paiRange, capRange } = domain
  reply.u32(attributesOf(view, domain))
  reply.text(domain.wireName, SHORT_NAME_SIZE)
  reply.u32(paiRange.min)
  reply.u32(paiRange.max)
  reply.u32(paiRange.step)
  reply.u32(capRange.min)
  reply.u32(capRange.max)
  reply.u32(capRange.step)
  reply.u32(domain.sustainablePower)
  reply.u32(domain.accuracy)
  reply.u32(view.parentIdOf(domain))
  return SUCCESS
}

function powercapCapGet(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(view.capOf(domain))
  return SUCCESS
}

function powercapCapSet(
  view: PowercapView,
  request: RequestReader,
  _reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const id = request.u32()
  const domain = view.find(id)
  const flags = request.u32()
  const cap = request.u32()
  if (!domain) return view.refusal
  if (flags & ~CAP_SET_FLAGS) return INVALID_PARAMETERS
  if (!domain.permissions.cap) return DENIED
  if (!domain.capConfigurable) return NOT_SUPPORTED
  if (flags & ASYNC && !view.pending.offersAsync(domain)) return NOT_SUPPORTED
  const uncapped = cap === UNCAPPED && version >= V2
  if (!uncapped && !domain.supportsCap(cap)) return OUT_OF_RANGE
  // An agent that ignores the delayed response gets the cap at once: Linux sets caps so, and reads them back right after.
  const later = (flags & ASYNC) !== 0 && (flags & NO_DELAYED_RESPONSE) === 0
  if (domain.changing || (later && view.pending.busy)) return BUSY
  if (later) view.pending.start({ id, cap, header: request.header }, domain.latencyUs)
  else view.powercaps.setCap(domain, cap, view.agentId)
  return SUCCESS
}

function powercapPaiGet(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(domain.paiUs)
  return SUCCESS
}

function powercapPaiSet(view: PowercapView, request: RequestReader): number {
  const domain = view.find(request.u32())
  const flags = request.u32()
  const us = request.u32()
  if (!domain) return view.refusal
  if (flags !== 0) return INVALID_PARAMETERS
  if (!domain.permissions.pai) return DENIED
  if (!domain.paiConfigurable) return NOT_SUPPORTED
  if (!domain.supportsPai(us)) return OUT_OF_RANGE
  view.powercaps.setPai(domain, us, view.agentId)
  return SUCCESS
}

function powercapMeasurementsGet(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  if (!domain.source) return NOT_SUPPORTED
  reply.u32(view.powercaps.measure(domain))
  reply.u32(domain.paiUs)
  return SUCCESS
}

const powercapCapNotify = subscribing(
  (view: PowercapView) => view.caps,
  domain => domain.notifies,
)

function powercapMeasurementsNotify(view: PowercapView, request: RequestReader): number {
  const domain = view.find(request.u32())
  const enable = request.u32()
  const low = request.u32()
  const high = request.u32()
  if (!domain) return view.refusal
  if (enable & ~1 || (enable === 1 && low > high)) return INVALID_PARAMETERS
  if (!domain.notifies || !domain.source) return NOT_SUPPORTED
  view.measurements.set(domain, enable === 1 ? { low, high, side: 0 } : undefined)
  return SUCCESS
}

const command = commandsOn<PowercapView>()

export const powercap = defineProtocol({
  id: 0x18,
  name: 'powercap',
  versions: [V1, V2],
  resource: powercaps,
  attach: (platform, protocol) => new PowercapView(platform.model(powercaps), protocol),
  show: (view, nowUs) => ({
    powercaps: view.rows(({ name, unit, cap, capRange, source, paiUs, parent }, id) => ({
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
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], answerCount),
    command(
      0x3,
      'POWERCAP_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), text('name'), ...RANGES, u32('sustainable_power'), u32('accuracy'), u32('parent_id')],
      powercapDomainAttributes,
    ),
    command(0x4, 'POWERCAP_CAP_GET', DOMAIN_ID, [u32('power_cap')], powercapCapGet),
    command(0x5, 'POWERCAP_CAP_SET', [...DOMAIN_ID, u32('flags'), u32('power_cap')], [], powercapCapSet, {
      delayed: CAP_SET_DELAYED,
    }),
    command(0x6, 'POWERCAP_PAI_GET', DOMAIN_ID, [u32('pai')], powercapPaiGet),
    command(0x7, 'POWERCAP_PAI_SET', [...DOMAIN_ID, u32('flags'), u32('pai')], [], powercapPaiSet),
    command(0x8, 'POWERCAP_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName),
    command(0x9, 'POWERCAP_MEASUREMENTS_GET', DOMAIN_ID, [u32('power'), u32('pai')], powercapMeasurementsGet),
    command(0xa, 'POWERCAP_CAP_NOTIFY', [...DOMAIN_ID, u32('notify_enable')], [], powercapCapNotify, {
      needsEvents: true,
    }),
    command(
      0xb,
      'POWERCAP_MEASUREMENTS_NOTIFY',
      [...DOMAIN_ID, u32('notify_enable'), u32('power_thresh_low'), u32('power_thresh_high')],
      [],
      powercapMeasurementsNotify,
      { needsEvents: true },
    ),
  ],
  events: [CAP_CHANGED, MEASUREMENTS_CHANGED],
})
