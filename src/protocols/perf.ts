/**
 * Performance domain management protocol, 0x13 (SCMI v3.2 §4.5), versions 1.0, 2.0, 3.0 and 4.0. Statistics in shared memory
 * are not announced: Linux stores their address, and reads nothing there.
 */
import { channelsText } from '../platform/core/fast-channels.js'
import { perfDomains } from '../platform/perf-domains/index.js'
import type { PerfLevel } from '../platform/perf-domains/levels.js'
import type { PerfDomains } from '../platform/perf-domains/model.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { INVALID_PARAMETERS, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import { FAST_CHANNEL } from './declaration/fast-channels.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { Parts } from './declaration/parts.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { subscribing } from './declaration/subscriptions.js'
import { answerName } from './declaration/view.js'
import {
  LEVEL_CHANGED,
  LEVEL_GET,
  LEVEL_SET,
  LIMITS_CHANGED,
  LIMITS_GET,
  LIMITS_SET,
  PerfView,
  RANGE,
  V1,
  V2,
  V3,
  V4,
} from './perf-view.js'

/** PROTOCOL_ATTRIBUTES: the power unit; microwatts are known from v3 on */
const POWER_ABSTRACT = 0 << 16
export const POWER_MILLIWATT = 1 << 16
export const POWER_MICROWATT = 2 << 16

/** PERFORMANCE_DOMAIN_ATTRIBUTES */
export const MAY_SET_LIMITS = 2 ** 31
export const MAY_SET_LEVEL = 1 << 30
export const LIMITS_NOTIFICATIONS = 1 << 29
export const LEVEL_NOTIFICATIONS = 1 << 28
export const FAST_CHANNELS = 1 << 27
export const EXTENDED_NAME = 1 << 26
export const LEVEL_INDEXING = 1 << 25

const DOMAIN_ID = [u32('domain_id')]
const NOTIFY = [u32('domain_id'), u32('notify_enable')]
const LEVEL_INDEX = [u32('domain_id'), u32('level_index')]
const LEVEL = [u32('performance_level'), u32('power_cost'), u32('attributes')]
const LEVELS_V1 = new Parts('num_levels', 'levels', LEVEL)
const LEVELS = new Parts('num_levels', 'levels', [...LEVEL, u32('indicative_frequency'), u32('level_index')])
const STATISTICS = [u32('statistics_address_low'), u32('statistics_address_high'), u32('statistics_len')]

function powerUnitFlag({ powerUnit }: PerfDomains, version: number): number {
  if (powerUnit === 'abstract') return POWER_ABSTRACT
  return powerUnit === 'microwatt' && version >= V3 ? POWER_MICROWATT : POWER_MILLIWATT
}

/** A level's cost in the unit of PROTOCOL_ATTRIBUTES: rounded up, as Linux takes 0 for an error. */
function powerCost({ powerUnit }: PerfDomains, { power }: PerfLevel, version: number): number {
  return powerUnit === 'microwatt' && version < V3 ? Math.ceil(power / 1000) : power
}

function protocolAttributes(
  view: PerfView,
  _request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  reply.u32(powerUnitFlag(view.domains, version) | view.count)
  reply.u64(0)
  reply.u32(0)
  return SUCCESS
}

function performanceDomainAttributes(
  view: PerfView,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  const { permissions, notifies, takesLimits } = domain
  let attributes = (takesLimits && permissions.limits ? MAY_SET_LIMITS : 0) + (permissions.level ? MAY_SET_LEVEL : 0)
  attributes += (notifies.limits ? LIMITS_NOTIFICATIONS : 0) + (notifies.level ? LEVEL_NOTIFICATIONS : 0)
  if (view.channels.has(domain)) attributes += FAST_CHANNELS
  if (version >= V3) attributes += extendedNameFlag(domain.wireName, EXTENDED_NAME)
  if (version >= V4 && domain.levelIndexing) attributes += LEVEL_INDEXING
  reply.u32(attributes)
  reply.u32(domain.rateLimitUs)
  reply.u32(domain.sustainedKhz)
  reply.u32(domain.sustainedLevel)
  reply.text(domain.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

function performanceDescribeLevels(
  view: PerfView,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = view.find(request.u32())
  const index = request.u32()
  if (!domain) return view.refusal
  const left = domain.toldLevels.length - index
  // Before v4 the index counts as a parameter, from v4 on as a range: platforms of those times answer so.
  if (left <= 0) return version >= V4 ? OUT_OF_RANGE : INVALID_PARAMETERS
  const returned = version >= V4 ? LEVELS.begin(reply, left) : LEVELS_V1.begin(reply, left)
  for (let i = index; i < index + returned; i++) {
    const level = domain.toldLevels[i]!
    reply.u32(level.level)
    reply.u32(powerCost(view.domains, level, version))
    reply.u32(level.latencyUs)
    if (version >= V4) {
      reply.u32(level.frequencyKhz)
      reply.u32(level.index)
    }
  }
  return SUCCESS
}

function performanceLimitsSet(view: PerfView, request: RequestReader): number {
  const domain = view.find(request.u32())
  const maxWord = request.u32()
  const minWord = request.u32()
  return domain ? view.setLimits(domain, maxWord, minWord) : view.refusal
}

function performanceLimitsGet(view: PerfView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(view.wordOf(domain, domain.max))
  reply.u32(view.wordOf(domain, domain.min))
  return SUCCESS
}

function performanceLevelSet(view: PerfView, request: RequestReader): number {
  const domain = view.find(request.u32())
  const word = request.u32()
  return domain ? view.setLevel(domain, word) : view.refusal
}

function performanceLevelGet(view: PerfView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(view.wordOf(domain, domain.level))
  return SUCCESS
}

function performanceDescribeFastchannel(view: PerfView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  const messageId = request.u32()
  return domain ? view.channels.describe(domain, messageId, 0, reply) : view.refusal
}

const performanceNotifyLimits = subscribing(
  (view: PerfView) => view.limits,
  domain => domain.notifies.limits,
)

const performanceNotifyLevel = subscribing(
  (view: PerfView) => view.levels,
  domain => domain.notifies.level,
)

const command = commandsOn<PerfView>()

export const perf = defineProtocol({
  id: 0x13,
  name: 'perf',
  versions: [V1, V2, V3, V4],
  resource: perfDomains,
  attach: (platform, protocol) => new PerfView(platform.model(perfDomains), protocol),
  show: view => ({
    perf_domains: view.rows(({ name, level, levels, min, max, fastChannels }, id) => ({
      id,
      name,
      level: level.level,
      frequency_hz: level.frequencyKhz * 1000,
      levels: levels.map(({ level }) => level),
      min_level: min.level,
      max_level: max.level,
      fast_channels: channelsText(fastChannels),
    })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes'), ...STATISTICS], protocolAttributes),
    command(
      0x3,
      'PERFORMANCE_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), u32('rate_limit'), u32('sustained_freq'), u32('sustained_perf_level'), text('name')],
      performanceDomainAttributes,
    ),
    command(0x4, 'PERFORMANCE_DESCRIBE_LEVELS', LEVEL_INDEX, LEVELS_V1.fields, performanceDescribeLevels),
    command(0x4, 'PERFORMANCE_DESCRIBE_LEVELS', LEVEL_INDEX, LEVELS.fields, performanceDescribeLevels, { since: V4 }),
    command(LIMITS_SET, 'PERFORMANCE_LIMITS_SET', [...DOMAIN_ID, ...RANGE], [], performanceLimitsSet, {
      attributes: view => view.channels.attributesOf(LIMITS_SET),
    }),
    command(LIMITS_GET, 'PERFORMANCE_LIMITS_GET', DOMAIN_ID, RANGE, performanceLimitsGet, {
      attributes: view => view.channels.attributesOf(LIMITS_GET),
    }),
    command(LEVEL_SET, 'PERFORMANCE_LEVEL_SET', [...DOMAIN_ID, u32('performance_level')], [], performanceLevelSet, {
      attributes: view => view.channels.attributesOf(LEVEL_SET),
    }),
    command(LEVEL_GET, 'PERFORMANCE_LEVEL_GET', DOMAIN_ID, [u32('performance_level')], performanceLevelGet, {
      attributes: view => view.channels.attributesOf(LEVEL_GET),
    }),
    command(0x9, 'PERFORMANCE_NOTIFY_LIMITS', NOTIFY, [], performanceNotifyLimits, { needsEvents: true }),
    command(0xa, 'PERFORMANCE_NOTIFY_LEVEL', NOTIFY, [], performanceNotifyLevel, { needsEvents: true }),
    command(
      0xb,
      'PERFORMANCE_DESCRIBE_FASTCHANNEL',
      [...DOMAIN_ID, u32('message_id')],
      FAST_CHANNEL,
      performanceDescribeFastchannel,
      { needsShared: true },
    ),
    command(0xc, 'PERFORMANCE_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V3,
    }),
  ],
  events: [LIMITS_CHANGED, LEVEL_CHANGED],
})
