/** When the platform updates an agent's data events: whether, how, how often. By group, if groups have intervals of their own. */
import { z } from 'zod'
import { mustFit, readSaved, type Saved } from '../platform/core/kept.js'
import type { Time, Timer } from '../platform/core/time.js'
import type { Interval, UpdateIntervals } from '../platform/sensors/update-intervals.js'
import type { DataEvent } from '../platform/telemetry/data-event.js'
import type { Telemetry } from '../platform/telemetry/model.js'
import type { KeptPart } from './declaration/kept-view.js'

/** Modes of TELEMETRY_CONFIG_SET: agents read memory when they like, or are notified of each update. */
export const ON_DEMAND = 0
export const NOTIFIED = 1

const savedSets = z.array(z.tuple([z.boolean().describe('enabled'), z.int().min(ON_DEMAND).max(NOTIFIED), z.number()]))

/** Events that are updated together. */
export class UpdateSet {
  readonly intervals: UpdateIntervals
  enabled = false
  mode = ON_DEMAND
  interval: Interval
  timer: Timer | undefined
  dueUs = 0

  constructor(intervals: UpdateIntervals) {
    this.intervals = intervals
    this.interval = intervals.initial
  }
}

export class Collection implements KeptPart<DataEvent> {
  /** Of the events outside groups, then of each group; one of all events if no group has intervals of its own. */
  readonly sets: readonly UpdateSet[]
  readonly #telemetry: Telemetry
  readonly #time: Time
  readonly #onChange: () => void
  readonly #update: (set: UpdateSet) => void

  /** `update` updates the events of a set; it is called by timers. `onChange`: what is kept has changed. */
  constructor(telemetry: Telemetry, time: Time, onChange: () => void, update: (set: UpdateSet) => void) {
    this.#telemetry = telemetry
    this.#time = time
    this.#onChange = onChange
    this.#update = update
    const { groups, intervals, hasGroupIntervals } = telemetry
    const ofGroups = hasGroupIntervals ? groups.map(group => group.intervals ?? intervals) : []
    this.sets = [intervals, ...ofGroups].map(intervals => new UpdateSet(intervals))
    for (const set of this.sets) set.enabled = telemetry.config.enabled
  }

  /** The set that an event, or a group, is updated with. */
  setOf(group: number | undefined): UpdateSet {
    return this.sets[this.#telemetry.hasGroupIntervals && group !== undefined ? group + 1 : 0]!
  }

  /** Starts or stops updates of a set. */
  configure(set: UpdateSet, enabled: boolean, mode: number, interval: Interval): void {
    set.enabled = enabled
    set.mode = mode
    set.interval = interval
    this.#restart(set)
    this.#onChange()
  }

  /** Starts the timers of all sets that are enabled. */
  start(): void {
    for (const set of this.sets) this.#restart(set)
  }

  stop(): void {
    for (const set of this.sets) set.timer?.cancel()
  }

  #restart(set: UpdateSet): void {
    set.timer?.cancel()
    set.timer = undefined
    if (!set.enabled) return
    set.dueUs = this.#time.nowUs
    this.#schedule(set)
  }

  /** Updates stay on multiples of the interval even if timers are late; missed ones are skipped. */
  #schedule(set: UpdateSet): void {
    const { nowUs } = this.#time
    set.dueUs = Math.max(set.dueUs + set.interval.us, nowUs)
    set.timer = this.#time.after(set.dueUs - nowUs, () => {
      this.#schedule(set)
      this.#update(set)
    })
  }

  revoke(): void {}

  /** Back to what the boot firmware configured. */
  clear(): void {
    const { enabled } = this.#telemetry.config
    for (const set of this.sets) {
      const isStart = set.enabled === enabled && set.mode === ON_DEMAND && set.interval.us === set.intervals.initial.us
      if (!isStart) this.configure(set, enabled, ON_DEMAND, set.intervals.initial)
    }
  }

  save(): Saved {
    return this.sets.map(({ enabled, mode, interval }) => [enabled, mode, interval.us])
  }

  restore(saved: Saved): void {
    const sets = readSaved(savedSets, saved)
    mustFit(sets.length === this.sets.length, `there are ${this.sets.length} sets of events with an interval`)
    for (const [i, [enabled, mode, us]] of sets.entries()) {
      const set = this.sets[i]!
      const interval = set.intervals.choose(us, 'nearest')
      mustFit(interval?.us === us, `there is no interval of ${us} us`)
      this.configure(set, enabled, mode, interval!)
    }
  }
}
