/**
 * Powercap management protocol, 0x18 (SCMI v3.2 §4.10), versions 1.0 and 2.0, and 3.0 as the beta of SCMI 4.0 has it: a domain
 * has several limits at once, each with an averaging interval of its own (powercap-limits.ts). 3.0 is announced only if
 * the platform file says so.
 */
import { channelsText } from '../platform/core/fast-channels.js'
import { type PowercapDomain, UNCAPPED } from '../platform/powercaps/domain.js'
import { powercaps } from '../platform/powercaps/index.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import { FAST_CHANNEL } from './declaration/fast-channels.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { subscribing } from './declaration/subscriptions.js'
import { answerCount, answerName } from './declaration/view.js'
import { CAP_GET, CAP_SET, MEASUREMENTS_GET, PAI_GET, PAI_SET } from './powercap-channels.js'
import { channelsOf, limitCommands, limitOf, writeRange } from './powercap-limits.js'
import {
  CAP_CHANGED,
  CAP_CHANGED_V3,
  CAP_SET_DELAYED,
  CAP_SET_DELAYED_V3,
  MEASUREMENTS_CHANGED,
  MEASUREMENTS_CHANGED_V3,
  PowercapView,
  V1,
  V2,
  V3,
} from './powercap-view.js'

/** POWERCAP_DOMAIN_ATTRIBUTES */
export const CAP_NOTIFICATIONS = 2 ** 31
const MEASUREMENT_NOTIFICATIONS = 1 << 30
export const ASYNC_CAP_SET = 1 << 29
export const EXTENDED_NAME = 1 << 28
export const CAP_CONFIGURABLE = 1 << 27
export const MONITORED = 1 << 26
export const PAI_CONFIGURABLE = 1 << 25
export const FAST_CHANNELS = 1 << 22
export const UNITS = { abstract: 0 << 23, microwatt: 1 << 23, milliwatt: 2 << 23 }

/** The same in version 3.0, where PAI_CONFIGURABLE is of the MAI; the four bits from ONE_LIMIT on count limits */
const MAI_NOTIFICATIONS = 2 ** 31
const CAP_NOTIFICATIONS_V3 = 1 << 21
const CAI_CONFIGURABLE = 1 << 20
const CAI_NOTIFICATIONS = 1 << 19
const ONE_LIMIT = 1 << 15

/** POWERCAP_CAP_SET flags */
const NO_DELAYED_RESPONSE = 1 << 0
const ASYNC = 1 << 1
const CAP_SET_FLAGS = ASYNC | NO_DELAYED_RESPONSE

const DOMAIN_ID = [u32('domain_id')]
const CPLI = u32('cpli')
const CAP_RANGE = [u32('min_power_cap'), u32('max_power_cap'), u32('power_cap_step')]
const RANGES = [u32('min_pai'), u32('max_pai'), u32('pai_step'), ...CAP_RANGE]
const REST = [u32('sustainable_power'), u32('accuracy'), u32('parent_id')]
const CAI_RANGE = [u32('min_cai'), u32('max_cai'), u32('cai_step')]
const PAI_SET_REQUEST = [...DOMAIN_ID, u32('flags'), u32('pai')]

function attributesOf(view: PowercapView, domain: PowercapDomain): number {
  const limit = domain.caps[0]
  let attributes = UNITS[domain.unit] + extendedNameFlag(domain.wireName, EXTENDED_NAME)
  if (domain.notifies && domain.source) attributes += MEASUREMENT_NOTIFICATIONS
  if (view.pending.offersAsync(domain)) attributes += ASYNC_CAP_SET
  if (limit.isConfigurable) attributes += CAP_CONFIGURABLE
  if (domain.source) attributes += MONITORED
  if (view.channels.has(domain)) attributes += FAST_CHANNELS
  if (!view.isV3) {
    if (domain.notifies) attributes += CAP_NOTIFICATIONS
    return attributes + (limit.hasIntervals ? PAI_CONFIGURABLE : 0)
  }
  if (domain.notifies) attributes += CAP_NOTIFICATIONS_V3 + CAI_NOTIFICATIONS
  if (domain.notifies && domain.source) attributes += MAI_NOTIFICATIONS
  if (domain.hasMeasurementIntervals) attributes += PAI_CONFIGURABLE
  if (limit.hasIntervals) attributes += CAI_CONFIGURABLE
  return attributes + domain.caps.length * ONE_LIMIT
}

function powercapDomainAttributes(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  const { intervalRange, capRange } = domain.caps[0]
  reply.u32(attributesOf(view, domain))
  reply.text(domain.wireName, SHORT_NAME_SIZE)
  writeRange(reply, view.isV3 ? (domain.maiRange ?? intervalRange) : intervalRange)
  writeRange(reply, capRange)
  reply.u32(domain.sustainablePower)
  reply.u32(domain.accuracy)
  reply.u32(view.parentIdOf(domain))
  if (view.isV3) writeRange(reply, intervalRange)
  return SUCCESS
}

function powercapCapGet(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  const limit = limitOf(view, domain, view.isV3 ? request.u32() : 0)
  if (!limit) return view.refusal
  reply.u32(view.capOf(limit))
  return SUCCESS
}

function powercapCapSet(view: PowercapView, request: RequestReader): number {
  const id = request.u32()
  const domain = view.find(id)
  const cpli = view.isV3 ? request.u32() : 0
  const flags = request.u32()
  const cap = request.u32()
  const limit = limitOf(view, domain, cpli)
  if (!domain || !limit) return view.refusal
  if (flags & ~CAP_SET_FLAGS) return INVALID_PARAMETERS
  const refusal = view.refusalOfCap(domain, limit, cap, (flags & ASYNC) !== 0)
  if (refusal !== SUCCESS) return refusal
  // An agent that ignores the delayed response gets the cap at once: Linux sets caps so, and reads them back right after.
  const later = (flags & ASYNC) !== 0 && (flags & NO_DELAYED_RESPONSE) === 0
  if (domain.changing || (later && view.pending.busy)) return BUSY
  if (later) view.pending.start({ id, cap, header: request.header, cpli }, domain.latencyUs)
  else view.powercaps.setCap(domain, cap, view.agentId, limit)
  return SUCCESS
}

function powercapPaiGet(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(view.paiOf(domain))
  return SUCCESS
}

function powercapPaiSet(view: PowercapView, request: RequestReader): number {
  const domain = view.find(request.u32())
  const flags = request.u32()
  const us = request.u32()
  if (!domain) return view.refusal
  if (flags !== 0) return INVALID_PARAMETERS
  return view.setPai(domain, us)
}

function powercapMeasurementsGet(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  if (!domain.source) return NOT_SUPPORTED
  reply.u32(view.powercaps.measure(domain))
  reply.u32(view.paiOf(domain))
  return SUCCESS
}

function powercapDescribeFastchannel(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  const messageId = request.u32()
  const limit = limitOf(view, domain, view.isV3 ? request.u32() : 0)
  return domain && limit ? view.channels.describe(domain, messageId, limit.index, reply) : view.refusal
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
  versions: [V1, V2, V3],
  usual: V2,
  negotiateSince: V2,
  notFirm: "of the beta of SCMI 4.0, with the layouts that Linux's patches read",
  resource: powercaps,
  attach: (platform, protocol) => new PowercapView(platform.model(powercaps), protocol),
  show: (view, nowUs) => ({
    powercaps: view.rows(({ name, unit, caps, source, maiUs, parent, fastChannels }, id) => ({
      id,
      name,
      unit,
      cap: caps[0].cap === UNCAPPED ? 'none' : caps[0].cap,
      min_cap: caps[0].capRange.min,
      max_cap: caps[0].capRange.max,
      more_caps: caps.length > 1 ? caps.slice(1).map(({ name, cap }) => `${name} ${cap || 'none'}`) : undefined,
      power: source?.read(nowUs),
      averaged_us: maiUs,
      parent: view.nameOf(parent),
      fast_channels: channelsText(fastChannels),
    })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], answerCount),
    command(
      0x3,
      'POWERCAP_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), text('name'), ...RANGES, ...REST],
      powercapDomainAttributes,
    ),
    command(
      0x3,
      'POWERCAP_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [
        u32('attributes'),
        text('name'),
        u32('min_mai'),
        u32('max_mai'),
        u32('mai_step'),
        ...CAP_RANGE,
        ...REST,
        ...CAI_RANGE,
      ],
      powercapDomainAttributes,
      { since: V3 },
    ),
    command(CAP_GET, 'POWERCAP_CAP_GET', DOMAIN_ID, [u32('power_cap')], powercapCapGet, channelsOf(CAP_GET)),
    command(CAP_GET, 'POWERCAP_CAP_GET', [...DOMAIN_ID, CPLI], [u32('power_cap')], powercapCapGet, {
      ...channelsOf(CAP_GET),
      since: V3,
    }),
    command(CAP_SET, 'POWERCAP_CAP_SET', [...DOMAIN_ID, u32('flags'), u32('power_cap')], [], powercapCapSet, {
      ...channelsOf(CAP_SET),
      delayed: CAP_SET_DELAYED,
    }),
    command(CAP_SET, 'POWERCAP_CAP_SET', [...DOMAIN_ID, CPLI, u32('flags'), u32('power_cap')], [], powercapCapSet, {
      ...channelsOf(CAP_SET),
      delayed: CAP_SET_DELAYED_V3,
      since: V3,
    }),
    // From version 3.0 on these two are POWERCAP_MAI_GET and POWERCAP_MAI_SET: the same bytes, for measurements.
    command(PAI_GET, 'POWERCAP_PAI_GET', DOMAIN_ID, [u32('pai')], powercapPaiGet, channelsOf(PAI_GET)),
    command(PAI_SET, 'POWERCAP_PAI_SET', PAI_SET_REQUEST, [], powercapPaiSet, channelsOf(PAI_SET)),
    command(0x8, 'POWERCAP_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName),
    command(
      MEASUREMENTS_GET,
      'POWERCAP_MEASUREMENTS_GET',
      DOMAIN_ID,
      [u32('power'), u32('pai')],
      powercapMeasurementsGet,
      channelsOf(MEASUREMENTS_GET),
    ),
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
    command(
      0xc,
      'POWERCAP_DESCRIBE_FASTCHANNEL',
      [...DOMAIN_ID, u32('message_id')],
      FAST_CHANNEL,
      powercapDescribeFastchannel,
      { needsShared: true },
    ),
    command(
      0xc,
      'POWERCAP_DESCRIBE_FASTCHANNEL',
      [...DOMAIN_ID, u32('message_id'), CPLI],
      FAST_CHANNEL,
      powercapDescribeFastchannel,
      { needsShared: true, since: V3 },
    ),
    ...limitCommands,
  ],
  events: [CAP_CHANGED, MEASUREMENTS_CHANGED, CAP_CHANGED_V3, MEASUREMENTS_CHANGED_V3],
})
