/** The platform's data events, their groups, and what agents may ask for. Knows no bytes. */
import { thereAre } from '../../support/known-names.js'
import { ConfigError } from '../core/config-error.js'
import { byUniqueName, named, namesOf, twoAreCalled } from '../core/named.js'
import type { Platform } from '../core/platform.js'
import { needsSharedMemory } from '../core/shared-memory.js'
import { seedFor } from '../sensors/sources.js'
import { UpdateIntervals } from '../sensors/update-intervals.js'
import type { EventConfig, TelemetryConfig } from './config.js'
import { DataEvent } from './data-event.js'
import { measureOf } from './measures.js'

const US_PER_S = 1e6

/** Events that are enabled and updated together. */
export interface EventGroup {
  readonly name: string
  /** Of its own; undefined: those of all events. */
  readonly intervals: UpdateIntervals | undefined
  /** Filled once the events are linked. */
  readonly events: DataEvent[]
}

export class Telemetry {
  /** Filled by `link`, as events measure other resources. */
  list: readonly DataEvent[] = []
  readonly groups: readonly EventGroup[]
  readonly intervals: UpdateIntervals
  /** Four words, the first digits in the first word's highest byte. */
  readonly revision: readonly number[]
  /** Groups have update intervals of their own. */
  readonly hasGroupIntervals: boolean
  /** Time of a single reading; undefined: none are offered. */
  readonly singleReadUs: number | undefined
  readonly config: TelemetryConfig
  readonly #startUs: number

  /** Throws ConfigError with paths within the section. */
  constructor(config: TelemetryConfig, platform: Platform) {
    this.config = config
    this.#startUs = platform.time.nowUs
    this.intervals = new UpdateIntervals(config.update_intervals, config.update_interval, [])
    this.groups = config.groups.map(({ name, update_intervals, update_interval }, i) => {
      if (update_interval !== undefined && update_intervals === undefined) {
        throw new ConfigError(['groups', i, 'update_interval'], 'needs update_intervals of its own')
      }
      const own = update_intervals && new UpdateIntervals(update_intervals, update_interval, ['groups', i])
      return { name, intervals: own, events: [] }
    })
    byUniqueName(this.groups, 'groups', i => ['groups', i], twoAreCalled)
    this.hasGroupIntervals = this.groups.some(({ intervals }) => intervals)
    this.revision = (config.revision.replaceAll('-', '').match(/.{8}/g) ?? []).map(word => Number.parseInt(word, 16))
    const { single_read } = config
    this.singleReadUs = typeof single_read === 'object' ? single_read.latency : single_read ? 0 : undefined
  }

  /** The kHz of timestamps. */
  get timestampKhz(): number {
    return this.config.timestamp_rate / 1000
  }

  /** A timestamp: ticks since the platform started. */
  timestampAt(nowUs: number): number {
    return Math.floor(((nowUs - this.#startUs) * this.config.timestamp_rate) / US_PER_S)
  }

  /** The event of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): DataEvent {
    return named(this.list, 'data event', name)
  }

  /** Builds the events, whose resources all exist by now. Throws ConfigError. */
  link(platform: Platform): void {
    const { config } = this
    this.list = config.events.map((event, i) => this.#create(event, i, platform))
    byUniqueName(this.list, 'data events', i => ['events', i], twoAreCalled)
    for (const [i, { group }] of this.list.entries()) {
      if (group === undefined) continue
      const { name, events } = this.groups[group]!
      const event = this.list[i]!
      if (events[0] && events[0].via !== event.via) {
        throw new ConfigError(
          ['events', i, 'via'],
          `the events of group ${name} are read via ${events[0].via}; a group has one way`,
        )
      }
      events.push(event)
    }
    const empty = this.groups.findIndex(({ events }) => events.length === 0)
    if (empty >= 0) throw new ConfigError(['groups', empty], 'no event is in this group')
    const enabled = this.list.filter(({ modeAtStart }) => modeAtStart !== 0).length
    if (config.max_enabled !== undefined && enabled > config.max_enabled) {
      throw new ConfigError(['max_enabled'], `${enabled} events are enabled at start`)
    }
    if (config.enabled && enabled === 0 && !config.enable_without_events) {
      throw new ConfigError(['enabled'], 'no event is enabled at start; enable one, or leave this out')
    }
  }

  #create(config: EventConfig, position: number, platform: Platform): DataEvent {
    const path = ['events', position]
    const { group: groupName, timestamp, via } = config
    if (via !== undefined && via !== 'message') needsSharedMemory(platform, [...path, 'via'])
    if (timestamp === 'block' && via !== undefined && via !== 'shmti') {
      throw new ConfigError([...path, 'timestamp'], 'block timestamps are in memory areas only; write line or none')
    }
    if (config.enabled === 'timestamp' && timestamp === 'none') {
      throw new ConfigError([...path, 'enabled'], 'the event has no timestamp; write true')
    }
    const group = this.groups.findIndex(({ name }) => name === groupName)
    if (groupName !== undefined && group < 0) {
      throw new ConfigError([...path, 'group'], `${groupName} is not in groups; ${thereAre(namesOf(this.groups))}`)
    }
    const measure = measureOf(config, platform, {
      path: [...path, 'value'],
      startUs: this.#startUs,
      seed: seedFor(platform.config.seed, `telemetry/${config.name}`),
    })
    return new DataEvent(position, config, groupName === undefined ? undefined : group, measure)
  }
}
