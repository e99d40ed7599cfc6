/**
 * Performance domain management protocol, 0x13 (SCMI v3.2 §4.5), versions 1.0, 2.0, 3.0 and 4.0. Fast channels and the
 * statistics are memory that agent and platform share, which virtio has not: none is announced, and
 * PERFORMANCE_DESCRIBE_FASTCHANNEL (0xb) is not declared.
 */
import type { Bounds, PerfDomain } from '../platform/perf-domains/domain.js'
import { perfDomains } from '../platform/perf-domains/index.js'
import type { PerfLevel } from '../platform/perf-domains/levels.js'
import type { PerfDomains, PerfEvents } from '../platform/perf-domains/model.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol, event } from './declaration/define-protocol.js'
import { KeptView } from './declaration/kept-view.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { notify } from './declaration/outgoing.js'
import { Parts } from './declaration/parts.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions, subscribing } from './declaration/subscriptions.js'
import { answerName } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000
const V3 = 0x30000
const V4 = 0x40000

/** PROTOCOL_ATTRIBUTES: the power unit; microwatts are known from v3 on */
const POWER_ABSTRACT = 0 << 16
export const POWER_MILLIWATT = 1 << 16
export const POWER_MICROWATT = 2 << 16

/** PERFORMANCE_DOMAIN_ATTRIBUTES */
export const MAY_SET_LIMITS = 2 ** 31
export const MAY_SET_LEVEL = 1 << 30
export const LIMITS_NOTIFICATIONS = 1 << 29
export const LEVEL_NOTIFICATIONS = 1 << 28
export const EXTENDED_NAME = 1 << 26
export const LEVEL_INDEXING = 1 << 25

/** PERFORMANCE_LIMITS_SET, v3: leave this bound as it is */
const UNCHANGED = 0

const DOMAIN_ID = [u32('domain_id')]
const NOTIFY = [u32('domain_id'), u32('notify_enable')]
const LEVEL_INDEX = [u32('domain_id'), u32('level_index')]
const LEVEL = [u32('performance_level'), u32('power_cost'), u32('attributes')]
const LEVELS_V1 = new Parts('num_levels', 'levels', LEVEL)
const LEVELS = new Parts('num_levels', 'levels', [...LEVEL, u32('indicative_frequency'), u32('level_index')])
const RANGE = [u32('range_max'), u32('range_min')]
const STATISTICS = [u32('statistics_address_low'), u32('statistics_address_high'), u32('statistics_len')]

const CHANGED = [u32('agent_id'), u32('domain_id')]
const LIMITS_CHANGED = event(0x0, 'PERFORMANCE_LIMITS_CHANGED', [...CHANGED, ...RANGE])
const LEVEL_CHANGED = event(0x1, 'PERFORMANCE_LEVEL_CHANGED', [...CHANGED, u32('performance_level')])

class PerfView extends KeptView<PerfDomain> {
  readonly domains: PerfDomains
  readonly limits = this.keep(new Subscriptions<PerfDomain>(this))
  readonly levels = this.keep(new Subscriptions<PerfDomain>(this))

  constructor(domains: PerfDomains, protocol: AgentProtocol) {
    super(domains.list, protocol)
    this.domains = domains
    this.listen<PerfEvents>(domains, {
      limitsChanged: (domain, agentId) => {
        const id = this.limits.idFor(domain)
        if (id === undefined) return
        const range = { range_max: this.wordOf(domain, domain.max), range_min: this.wordOf(domain, domain.min) }
        notify(protocol, LIMITS_CHANGED, { agent_id: agentId, domain_id: id, ...range }, domain)
      },
      levelChanged: (domain, agentId) => {
        const id = this.levels.idFor(domain)
        if (id === undefined) return
        const level = this.wordOf(domain, domain.level)
        notify(protocol, LEVEL_CHANGED, { agent_id: agentId, domain_id: id, performance_level: level }, domain)
      },
    })
  }

  /** Whether this agent names the domain's levels by their indexes. */
  usesIndexes(domain: PerfDomain): boolean {
    return domain.levelIndexing && this.protocol.version >= V4
  }

  /** The word for a level in all messages but PERFORMANCE_DESCRIBE_LEVELS. */
  wordOf(domain: PerfDomain, level: PerfLevel): number {
    return this.usesIndexes(domain) ? level.index : level.level
  }

  /** The level value that such a word stands for, or undefined if it is an index that no level has. */
  levelValueOf(domain: PerfDomain, word: number): number | undefined {
    return this.usesIndexes(domain) ? domain.withIndex(word)?.level : word
  }

  override reset(): void {
    super.reset()
    this.domains.release(this.agentId, this.held)
    this.held.clear()
  }
}

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

/** Whether `value` lies between the lowest and the highest level. */
function isDescribed({ lowest, highest }: PerfDomain, value: number | undefined): boolean {
  return value !== undefined && value >= lowest.level && value <= highest.level
}

function performanceLimitsSet(
  view: PerfView,
  request: RequestReader,
  _reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = view.find(request.u32())
  const maxWord = request.u32()
  const minWord = request.u32()
  if (!domain) return view.refusal
  if (!domain.permissions.limits) return DENIED
  if (!domain.takesLimits) return NOT_SUPPORTED
  const setsMax = version < V3 || maxWord !== UNCHANGED
  const setsMin = version < V3 || minWord !== UNCHANGED
  const bounds: Bounds = {
    max: setsMax ? view.levelValueOf(domain, maxWord) : undefined,
    min: setsMin ? view.levelValueOf(domain, minWord) : undefined,
  }
  if (!setsMax && !setsMin) return OUT_OF_RANGE
  if (setsMax && !isDescribed(domain, bounds.max)) return OUT_OF_RANGE
  if (setsMin && !isDescribed(domain, bounds.min)) return OUT_OF_RANGE
  if (bounds.max !== undefined && bounds.min !== undefined && bounds.min > bounds.max) return INVALID_PARAMETERS
  view.held.add(domain)
  view.domains.setLimits(domain, bounds, view.agentId)
  return SUCCESS
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
  if (!domain) return view.refusal
  if (!domain.permissions.level) return DENIED
  const value = view.levelValueOf(domain, word)
  const level = value === undefined ? undefined : domain.allowedLevel(value)
  if (!level) return OUT_OF_RANGE
  view.domains.setLevel(domain, domain.granted(level), view.agentId)
  return SUCCESS
}

function performanceLevelGet(view: PerfView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(view.wordOf(domain, domain.level))
  return SUCCESS
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
    perf_domains: view.rows(({ name, level, levels, min, max }, id) => ({
      id,
      name,
      level: level.level,
      frequency_hz: level.frequencyKhz * 1000,
      levels: levels.map(({ level }) => level),
      min_level: min.level,
      max_level: max.level,
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
    command(0x5, 'PERFORMANCE_LIMITS_SET', [...DOMAIN_ID, ...RANGE], [], performanceLimitsSet),
    command(0x6, 'PERFORMANCE_LIMITS_GET', DOMAIN_ID, RANGE, performanceLimitsGet),
    command(0x7, 'PERFORMANCE_LEVEL_SET', [...DOMAIN_ID, u32('performance_level')], [], performanceLevelSet),
    command(0x8, 'PERFORMANCE_LEVEL_GET', DOMAIN_ID, [u32('performance_level')], performanceLevelGet),
    command(0x9, 'PERFORMANCE_NOTIFY_LIMITS', NOTIFY, [], performanceNotifyLimits, { needsEvents: true }),
    command(0xa, 'PERFORMANCE_NOTIFY_LEVEL', NOTIFY, [], performanceNotifyLevel, { needsEvents: true }),
    command(0xc, 'PERFORMANCE_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V3,
    }),
  ],
  events: [LIMITS_CHANGED, LEVEL_CHANGED],
})
