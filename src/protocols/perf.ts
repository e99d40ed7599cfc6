/**
 * Performance domain management protocol, 0x13 (SCMI v3.2 §4.5), versions 1.0, 2.0, 3.0 and 4.0. Fast channels and the
 * statistics region are memory shared with the platform, which virtio has not: none is announced, and
 * PERFORMANCE_DESCRIBE_FASTCHANNEL (0xb) is not declared.
 */
import { z } from 'zod'
import { readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { perfDomains } from '../platform/perf-domains/index.js'
import type { Bounds, PerfDomain, PerfDomains, PerfLevel } from '../platform/perf-domains/model.js'
import { type Fields, list, text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol, event } from './declaration/protocol.js'
import { answerName, ResourceView } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000
const V3 = 0x30000
const V4 = 0x40000

/** PROTOCOL_ATTRIBUTES: the power unit; microwatts are known from v3 on */
const POWER_ABSTRACT = 0 << 16
const POWER_MILLIWATT = 1 << 16
const POWER_MICROWATT = 2 << 16

/** PERFORMANCE_DOMAIN_ATTRIBUTES */
const MAY_SET_LIMITS = 2 ** 31
const MAY_SET_LEVEL = 1 << 30
const LIMITS_NOTIFICATIONS = 1 << 29
const LEVEL_NOTIFICATIONS = 1 << 28
const EXTENDED_NAME = 1 << 26
const LEVEL_INDEXING = 1 << 25

/** PERFORMANCE_LIMITS_SET, v3: leave this bound as it is */
const UNCHANGED = 0

const LIMITS_CHANGED = 0x0
const LEVEL_CHANGED = 0x1

const savedState = z.tuple([z.array(savedWord), z.array(savedWord)])

class PerfState extends ResourceView<PerfDomain> implements AgentState {
  onChange: (() => void) | undefined
  readonly domains: PerfDomains
  readonly #limits = new Set<PerfDomain>()
  readonly #levels = new Set<PerfDomain>()

  constructor(domains: PerfDomains, protocol: AgentProtocol) {
    super(domains.list, protocol)
    this.domains = domains
    domains.on('limitsChanged', this.#onLimits)
    domains.on('levelChanged', this.#onLevel)
  }

  subscribe(domain: PerfDomain, eventId: number, on: boolean): void {
    const subscribed = eventId === LIMITS_CHANGED ? this.#limits : this.#levels
    if (on) subscribed.add(domain)
    else subscribed.delete(domain)
    this.onChange?.()
  }

  /** Whether this agent names the domain's levels by their indexes. */
  usesIndexes(domain: PerfDomain): boolean {
    return domain.levelIndexing && this.protocol.version >= V4
  }

  /** The word that stands for a level in all messages but DESCRIBE_LEVELS. */
  wordOf(domain: PerfDomain, level: PerfLevel): number {
    return this.usesIndexes(domain) ? level.index : level.level
  }

  /** The level value that such a word means, or undefined if it is an index that no level has. */
  levelValueOf(domain: PerfDomain, word: number): number | undefined {
    return this.usesIndexes(domain) ? domain.withIndex(word)?.level : word
  }

  readonly #onLimits = (domain: PerfDomain, agentId: number): void => {
    const id = this.#limits.has(domain) ? this.idOf(domain) : undefined
    if (id === undefined) return
    const { min, max } = domain
    this.protocol.notify(LIMITS_CHANGED, [agentId, id, this.wordOf(domain, max), this.wordOf(domain, min)], domain)
  }

  readonly #onLevel = (domain: PerfDomain, agentId: number): void => {
    const id = this.#levels.has(domain) ? this.idOf(domain) : undefined
    if (id !== undefined) this.protocol.notify(LEVEL_CHANGED, [agentId, id, this.wordOf(domain, domain.level)], domain)
  }

  override permissionsChanged(): readonly PerfDomain[] {
    const revoked = super.permissionsChanged()
    for (const domain of revoked) {
      this.#limits.delete(domain)
      this.#levels.delete(domain)
    }
    return revoked
  }

  save(): Saved {
    return [this.idsOf(this.#limits), this.idsOf(this.#levels)]
  }

  restore(saved: Saved): void {
    const [limits, levels] = readSaved(savedState, saved)
    for (const id of limits) this.subscribe(this.saved(id), LIMITS_CHANGED, true)
    for (const id of levels) this.subscribe(this.saved(id), LEVEL_CHANGED, true)
  }

  reset(): void {
    this.#limits.clear()
    this.#levels.clear()
    this.domains.release(this.agentId, this.held)
    this.held.clear()
  }

  release(): void {
    this.domains.off('limitsChanged', this.#onLimits)
    this.domains.off('levelChanged', this.#onLevel)
    this.reset()
  }
}

function powerUnitFlag({ powerUnit }: PerfDomains, version: number): number {
  if (powerUnit === 'abstract') return POWER_ABSTRACT
  return powerUnit === 'microwatt' && version >= V3 ? POWER_MICROWATT : POWER_MILLIWATT
}

/** A level's cost in the unit that PROTOCOL_ATTRIBUTES tells: rounded up, as Linux takes 0 for an error. */
function powerCost({ powerUnit }: PerfDomains, { power }: PerfLevel, version: number): number {
  return powerUnit === 'microwatt' && version < V3 ? Math.ceil(power / 1000) : power
}

function attributesOf(domain: PerfDomain, version: number): number {
  const { permissions, notifies, takesLimits } = domain
  let attributes = (takesLimits && permissions.limits ? MAY_SET_LIMITS : 0) + (permissions.level ? MAY_SET_LEVEL : 0)
  attributes += (notifies.limits ? LIMITS_NOTIFICATIONS : 0) + (notifies.level ? LEVEL_NOTIFICATIONS : 0)
  if (version >= V3) attributes += extendedNameFlag(domain.name, EXTENDED_NAME)
  if (version >= V4 && domain.levelIndexing) attributes += LEVEL_INDEXING
  return attributes
}

function describeLevels(
  state: PerfState,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = state.find(request.u32())
  const index = request.u32()
  if (!domain) return state.refusal
  const left = domain.levels.length - index
  // Before v4 the index counts as a parameter, from v4 on as a range: platforms of those times answer so.
  if (left <= 0) return version >= V4 ? OUT_OF_RANGE : INVALID_PARAMETERS
  const returned = Math.min(left, reply.room(version >= V4 ? 20 : 12, 4))
  reply.u32(((left - returned) << 16) | returned)
  for (let i = 0; i < returned; i++) {
    const level = domain.levels[index + i]!
    reply.u32(level.level)
    reply.u32(powerCost(state.domains, level, version))
    reply.u32(level.latencyUs)
    if (version >= V4) {
      reply.u32(level.frequencyKhz)
      reply.u32(level.index)
    }
  }
  return SUCCESS
}

function setLimits(
  state: PerfState,
  request: RequestReader,
  _reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = state.find(request.u32())
  const maxWord = request.u32()
  const minWord = request.u32()
  if (!domain) return state.refusal
  if (!domain.permissions.limits) return DENIED
  if (!domain.takesLimits) return NOT_SUPPORTED
  const setsMax = version < V3 || maxWord !== UNCHANGED
  const setsMin = version < V3 || minWord !== UNCHANGED
  const bounds: Bounds = {
    max: setsMax ? state.levelValueOf(domain, maxWord) : undefined,
    min: setsMin ? state.levelValueOf(domain, minWord) : undefined,
  }
  if (!setsMax && !setsMin) return OUT_OF_RANGE
  if (setsMax && !isDescribed(domain, bounds.max)) return OUT_OF_RANGE
  if (setsMin && !isDescribed(domain, bounds.min)) return OUT_OF_RANGE
  if (bounds.max !== undefined && bounds.min !== undefined && bounds.min > bounds.max) return INVALID_PARAMETERS
  state.held.add(domain)
  state.domains.setLimits(domain, bounds, state.agentId)
  return SUCCESS
}

/** Whether `value` lies between the lowest and the highest level. */
function isDescribed({ lowest, highest }: PerfDomain, value: number | undefined): boolean {
  return value !== undefined && value >= lowest.level && value <= highest.level
}

function setLevel(state: PerfState, request: RequestReader): number {
  const domain = state.find(request.u32())
  const word = request.u32()
  if (!domain) return state.refusal
  if (!domain.permissions.level) return DENIED
  const value = state.levelValueOf(domain, word)
  const level = value === undefined ? undefined : domain.allowedLevel(value)
  if (!level) return OUT_OF_RANGE
  state.domains.setLevel(domain, level, state.agentId)
  return SUCCESS
}

function subscribe(eventId: number) {
  return (state: PerfState, request: RequestReader): number => {
    const domain = state.find(request.u32())
    const enable = request.u32()
    if (!domain) return state.refusal
    if (enable & ~1) return INVALID_PARAMETERS
    if (!(eventId === LIMITS_CHANGED ? domain.notifies.limits : domain.notifies.level)) return NOT_SUPPORTED
    state.subscribe(domain, eventId, enable === 1)
    return SUCCESS
  }
}

const DOMAIN_ID = [u32('domain_id')]
const NOTIFY = [u32('domain_id'), u32('notify_enable')]
const LEVEL = [u32('performance_level'), u32('power_cost'), u32('attributes')]

function levels(entry: Fields): Fields {
  return [u32('num_levels'), list('levels', entry, v => Number(v.num_levels) & 0xfff)]
}

const command = commandsOn<PerfState>()

export const perf = defineProtocol({
  id: 0x13,
  name: 'perf',
  versions: [V1, V2, V3, V4],
  resource: perfDomains,
  attach: (platform, protocol) => new PerfState(platform.model(perfDomains), protocol),
  show: ({ list }) => ({
    perf_domains: list.map(({ name, level, levels, min, max }, id) => ({
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
    command(
      0x1,
      'PROTOCOL_ATTRIBUTES',
      [],
      [u32('attributes'), u32('statistics_address_low'), u32('statistics_address_high'), u32('statistics_len')],
      (state, _request, reply, protocol) => {
        reply.u32(powerUnitFlag(state.domains, protocol.version) | state.count)
        reply.u32(0)
        reply.u32(0)
        reply.u32(0)
        return SUCCESS
      },
    ),
    command(
      0x3,
      'PERFORMANCE_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), u32('rate_limit'), u32('sustained_freq'), u32('sustained_perf_level'), text('name')],
      (state, request, reply, protocol) => {
        const domain = state.find(request.u32())
        if (!domain) return state.refusal
        reply.u32(attributesOf(domain, protocol.version))
        reply.u32(domain.rateLimitUs)
        reply.u32(domain.sustainedKhz)
        reply.u32(domain.sustainedLevel)
        reply.text(domain.name, SHORT_NAME_SIZE)
        return SUCCESS
      },
    ),
    // At least one level must fit, or the agent could never go on.
    command(0x4, 'PERFORMANCE_DESCRIBE_LEVELS', [u32('domain_id'), u32('level_index')], levels(LEVEL), describeLevels, {
      replyMin: 16,
    }),
    command(
      0x4,
      'PERFORMANCE_DESCRIBE_LEVELS',
      [u32('domain_id'), u32('level_index')],
      levels([...LEVEL, u32('indicative_frequency'), u32('level_index')]),
      describeLevels,
      { since: V4, replyMin: 24 },
    ),
    command(0x5, 'PERFORMANCE_LIMITS_SET', [u32('domain_id'), u32('range_max'), u32('range_min')], [], setLimits),
    command(0x6, 'PERFORMANCE_LIMITS_GET', DOMAIN_ID, [u32('range_max'), u32('range_min')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      reply.u32(state.wordOf(domain, domain.max))
      reply.u32(state.wordOf(domain, domain.min))
      return SUCCESS
    }),
    command(0x7, 'PERFORMANCE_LEVEL_SET', [u32('domain_id'), u32('performance_level')], [], setLevel),
    command(0x8, 'PERFORMANCE_LEVEL_GET', DOMAIN_ID, [u32('performance_level')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      reply.u32(state.wordOf(domain, domain.level))
      return SUCCESS
    }),
    command(0x9, 'PERFORMANCE_NOTIFY_LIMITS', NOTIFY, [], subscribe(LIMITS_CHANGED), { needsEvents: true }),
    command(0xa, 'PERFORMANCE_NOTIFY_LEVEL', NOTIFY, [], subscribe(LEVEL_CHANGED), { needsEvents: true }),
    command(0xc, 'PERFORMANCE_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V3,
    }),
  ],
  events: [
    event(LIMITS_CHANGED, 'PERFORMANCE_LIMITS_CHANGED', [
      u32('agent_id'),
      u32('domain_id'),
      u32('range_max'),
      u32('range_min'),
    ]),
    event(LEVEL_CHANGED, 'PERFORMANCE_LEVEL_CHANGED', [u32('agent_id'), u32('domain_id'), u32('performance_level')]),
  ],
})
