/** What the Performance protocol keeps for one agent: subscriptions, fast channels; and what its set commands do. */
import type { Bounds, PerfDomain } from '../platform/perf-domains/domain.js'
import type { PerfLevel } from '../platform/perf-domains/levels.js'
import type { PerfDomains, PerfEvents } from '../platform/perf-domains/model.js'
import { u32 } from '../wire/fields.js'
import { DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { ChannelView } from './declaration/channel-view.js'
import { event } from './declaration/define-protocol.js'
import { notify } from './declaration/outgoing.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions } from './declaration/subscriptions.js'

export const V1 = 0x10000
export const V2 = 0x20000
export const V3 = 0x30000
export const V4 = 0x40000

/** Commands that have fast channels. */
export const LIMITS_SET = 0x5
export const LIMITS_GET = 0x6
export const LEVEL_SET = 0x7
export const LEVEL_GET = 0x8

/** PERFORMANCE_LIMITS_SET, v3: leave this bound as it is */
const UNCHANGED = 0

export const RANGE = [u32('range_max'), u32('range_min')]
const CHANGED = [u32('agent_id'), u32('domain_id')]
export const LIMITS_CHANGED = event(0x0, 'PERFORMANCE_LIMITS_CHANGED', [...CHANGED, ...RANGE])
export const LEVEL_CHANGED = event(0x1, 'PERFORMANCE_LEVEL_CHANGED', [...CHANGED, u32('performance_level')])

/** Whether `value` lies between the lowest and the highest level. */
function isDescribed({ lowest, highest }: PerfDomain, value: number | undefined): boolean {
  return value !== undefined && value >= lowest.level && value <= highest.level
}

export class PerfView extends ChannelView<PerfDomain> {
  readonly domains: PerfDomains
  readonly limits = this.keep(new Subscriptions<PerfDomain>(this))
  readonly levels = this.keep(new Subscriptions<PerfDomain>(this))

  constructor(domains: PerfDomains, protocol: AgentProtocol) {
    super(domains.list, protocol)
    this.domains = domains
    for (const domain of this.resources) this.#addChannels(domain)
    if (this.channels.exist) this.keep(this.channels)
    this.listen<PerfEvents>(domains, {
      limitsChanged: (domain, agentId) => {
        this.channels.refresh(domain)
        const id = this.limits.idFor(domain)
        if (id === undefined) return
        const range = { range_max: this.wordOf(domain, domain.max), range_min: this.wordOf(domain, domain.min) }
        notify(protocol, LIMITS_CHANGED, { agent_id: agentId, domain_id: id, ...range }, domain)
      },
      levelChanged: (domain, agentId) => {
        this.channels.refresh(domain)
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

  /** PERFORMANCE_LEVEL_SET; returns its status. */
  setLevel(domain: PerfDomain, word: number): number {
    if (!domain.permissions.level) return DENIED
    const value = this.levelValueOf(domain, word)
    const level = value === undefined ? undefined : domain.allowedLevel(value)
    if (!level) return OUT_OF_RANGE
    this.domains.setLevel(domain, domain.granted(level), this.agentId)
    return SUCCESS
  }

  /** PERFORMANCE_LIMITS_SET; returns its status. */
  setLimits(domain: PerfDomain, maxWord: number, minWord: number): number {
    if (!domain.permissions.limits) return DENIED
    if (!domain.takesLimits) return NOT_SUPPORTED
    const { version } = this.protocol
    const setsMax = version < V3 || maxWord !== UNCHANGED
    const setsMin = version < V3 || minWord !== UNCHANGED
    const bounds: Bounds = {
      max: setsMax ? this.levelValueOf(domain, maxWord) : undefined,
      min: setsMin ? this.levelValueOf(domain, minWord) : undefined,
    }
    if (!setsMax && !setsMin) return OUT_OF_RANGE
    if (setsMax && !isDescribed(domain, bounds.max)) return OUT_OF_RANGE
    if (setsMin && !isDescribed(domain, bounds.min)) return OUT_OF_RANGE
    if (bounds.max !== undefined && bounds.min !== undefined && bounds.min > bounds.max) return INVALID_PARAMETERS
    this.held.add(domain)
    this.domains.setLimits(domain, bounds, this.agentId)
    return SUCCESS
  }

  /** What an agent may set has a channel to set it; everything has one to read it. */
  #addChannels(resource: PerfDomain): void {
    const { fastChannels, permissions, takesLimits } = resource
    if (!fastChannels) return
    const { set, get, ...options } = fastChannels
    const level = { resource, words: 1, read: () => this.wordOf(resource, resource.level) } as const
    const limits = {
      resource,
      words: 2,
      read: (word: number) => this.wordOf(resource, word === 0 ? resource.max : resource.min),
    } as const
    const request = (id: number, first: number, second: number) => [id, first, second]
    if (get.has('level')) this.channels.get({ ...level, ...options, messageId: LEVEL_GET })
    if (get.has('limits')) this.channels.get({ ...limits, ...options, messageId: LIMITS_GET })
    if (set.has('level') && permissions.level) {
      const write = (word: number) => this.setLevel(resource, word)
      this.channels.set({ ...level, ...options, messageId: LEVEL_SET, write, request: (id, word) => [id, word] })
    }
    if (set.has('limits') && permissions.limits && takesLimits) {
      const write = (max: number, min: number) => this.setLimits(resource, max, min)
      this.channels.set({ ...limits, ...options, messageId: LIMITS_SET, write, request })
    }
  }

  override reset(): void {
    super.reset()
    this.domains.release(this.agentId, this.held)
    this.held.clear()
  }
}
