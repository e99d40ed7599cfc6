/** One sensor: what agents configured, and the sampling for trip points and updates. Knows no bytes. */
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { Entry } from '../core/entry.js'
import { type Kept, mustFit, readSaved, type Saved, savedLong, voter } from '../core/kept.js'
import type { Time, Timer } from '../core/time.js'
import { type Axis, type AxisContext, createAxes } from './axis.js'
import type { SensorConfig } from './config.js'
import { type Interval, UpdateIntervals } from './update-intervals.js'

/** The most readings in a delayed response or notification that fits Linux' default buffers of 128 bytes of payload. */
const EVENT_AXES_MAX = 7

/** The crossings that a trip point reports, as bits of SENSOR_TRIP_POINT_CONFIG. */
export const TRIP_RISING = 1
export const TRIP_FALLING = 2

export interface TripPoint {
  /** TRIP_RISING, TRIP_FALLING, both or 0. */
  mode: number
  /** Raw. */
  value: number
  /** The agent that configured it; 0 is the platform. */
  agentId: number
}

/** The configuration of one agent. */
interface Wishes {
  enabled: boolean
  timestamps: boolean
  /** Undefined: any interval. */
  interval: Interval | undefined
}

/** Receives events of a sensor, from within a timer or `set`. */
export interface SensorListener {
  /** The value reached or crossed a configured trip point. */
  tripPoint(sensor: Sensor, id: number, rising: boolean): void
  /** An update interval has elapsed. */
  sample(sensor: Sensor): void
}

/** What a sensor needs of the platform. */
export interface SensorContext extends AxisContext {
  listener: SensorListener
}

const savedSensor = z.tuple([
  z.array(
    z.tuple([
      voter,
      z.boolean(),
      z.boolean(),
      z.strictObject({ us: z.number(), mantissa: z.int(), exponent: z.int() }).nullable(),
    ]),
  ),
  z.array(
    z.tuple([
      z
        .int()
        .min(0)
        .max(TRIP_RISING | TRIP_FALLING),
      savedLong,
      voter,
    ]),
  ),
])

export class Sensor extends Entry implements Kept {
  onChange: (() => void) | undefined
  readonly type: number
  readonly scale: number
  readonly axes: readonly Axis[]
  /** The sensor is described by axes; otherwise it has exactly one axis. */
  readonly multiAxis: boolean
  readonly tripPoints: readonly TripPoint[]
  readonly continuousUpdates: boolean
  readonly intervals: UpdateIntervals
  /** Timestamps are in units of 10^exponent s; undefined: there are none. */
  readonly timestampExponent: number | undefined
  /** Time of an asynchronous reading; undefined: not supported. */
  readonly latencyUs: number | undefined
  /** The descriptor has extended attributes. */
  readonly extended: boolean
  readonly powerMicrowatts: number
  /** The result of all agents' configurations; without any, the start values. */
  interval: Interval
  enabled: boolean
  timestampsEnabled = false
  readonly #enabledAtStart: boolean
  readonly #wishes = new Map<number, Wishes>()
  readonly #time: Time
  readonly #listener: SensorListener
  /** Timestamp units per microsecond, as a fraction of whole numbers. */
  readonly #ticks: number
  readonly #perUs: number
  #watchers = 0
  #timer: Timer | undefined
  #dueUs = 0
  /** The previous sample, for trip points. */
  #last = 0

  /** `position` is the sensor's index in the sensors section; paths of errors start there. Throws ConfigError. */
  constructor(position: number, config: SensorConfig, context: SensorContext) {
    const path: ConfigPath = [position]
    super(config)
    this.type = config.type
    this.scale = config.scale
    this.multiAxis = config.axes !== undefined
    this.axes = createAxes(path, config, context)
    if (this.multiAxis && config.trip_points > 0) {
      throw new ConfigError([...path, 'trip_points'], 'a sensor with axes has no trip points; leave them out')
    }
    if (this.multiAxis && config.throttle) {
      throw new ConfigError([...path, 'throttle'], 'works with a sensor that has a value, not axes')
    }
    const sendsEvents = (['continuous_updates', 'async'] as const).find(field => config[field])
    if (sendsEvents && this.axes.length > EVENT_AXES_MAX) {
      throw new ConfigError(
        [...path, sendsEvents],
        `works with at most ${EVENT_AXES_MAX} axes: more do not fit in a message`,
      )
    }
    this.tripPoints = Array.from({ length: config.trip_points }, () => ({ mode: 0, value: 0, agentId: 0 }))
    this.continuousUpdates = config.continuous_updates
    this.intervals = new UpdateIntervals(config.update_intervals, config.update_interval, path)
    this.interval = this.intervals.initial
    this.timestampExponent = config.timestamps?.exponent
    this.latencyUs = config.async?.latency
    this.extended = config.extended !== undefined
    this.powerMicrowatts = config.extended?.power ?? 0
    this.enabled = config.enabled
    this.#enabledAtStart = config.enabled
    this.#time = context.time
    this.#listener = context.listener
    const digits = -6 - (this.timestampExponent ?? -6)
    this.#ticks = 10 ** Math.max(digits, 0)
    this.#perUs = 10 ** Math.max(-digits, 0)
  }

  /** Raw value of an axis. Hot code. */
  read(axis: number): number {
    return this.axes[axis]!.read(this.#time.nowUs)
  }

  /** Timestamp of a reading made now, in the sensor's units; 0 while timestamps are off. Hot code. */
  timestamp(): number {
    return this.timestampsEnabled === true ? Math.floor((this.#time.nowUs * this.#ticks) / this.#perUs) : 0
  }

  /**
   * Sets an axis to a fixed `value` in its unit; undefined returns to the source. Reports the trip points that this
   * crosses. For callers on the host. Throws RangeError for values beyond 2^53 raw units.
   */
  set(value: number | undefined, axis = 0): void {
    this.disturb(() => this.axes[axis]!.set(value))
  }

  /** Runs `change`, which changes the reading, and reports the trip points that this crosses. */
  disturb(change: () => void): void {
    this.#time.refresh()
    // Without sampling the last value is out of date.
    if (!this.#timer) this.#last = this.read(0)
    change()
    if (this.enabled) this.#checkTripPoints()
  }

  /**
   * Records the configuration of `agentId`; 0 is the platform. The sensor is enabled, or takes timestamps, while any
   * agent wants that, at the shortest interval of all. An undefined interval leaves the agent's as it is.
   */
  configure(enabled: boolean, timestamps: boolean, interval: Interval | undefined, agentId = 0): void {
    const before = this.#wishes.get(agentId)
    this.#wishes.set(agentId, { enabled, timestamps, interval: interval ?? before?.interval })
    this.onChange?.()
    this.#settle()
  }

  /** Configures trip point `id` to report crossings of a raw value; mode 0: none. `agentId` 0 is the platform. */
  configureTripPoint(id: number, mode: number, value: number, agentId: number): void {
    Object.assign(this.tripPoints[id]!, { mode, value, agentId })
    this.onChange?.()
  }

  /** Drops what `agentId` set with `configure`. */
  unconfigure(agentId: number): void {
    if (!this.#wishes.delete(agentId)) return
    this.onChange?.()
    this.#settle()
  }

  /** Drops everything that `agentId` configured, including trip points. */
  release(agentId: number): void {
    const trips = this.tripPoints.filter(trip => trip.agentId === agentId && trip.mode !== 0)
    for (const trip of trips) trip.mode = 0
    if (trips.length > 0) this.onChange?.()
    this.unconfigure(agentId)
  }

  save(): Saved {
    const wishes = [...this.#wishes].map(([agentId, { enabled, timestamps, interval }]) => {
      return [agentId, enabled, timestamps, interval ? { ...interval } : null]
    })
    return [wishes, this.tripPoints.map(({ mode, value, agentId }) => [mode, value, agentId])]
  }

  restore(saved: Saved): void {
    const [wishes, trips] = readSaved(savedSensor, saved)
    mustFit(trips.length === this.tripPoints.length, `it has ${this.tripPoints.length} trip points`)
    for (const [, , , interval] of wishes) {
      mustFit(!interval || this.intervals.choose(interval.us, 'nearest')?.us === interval.us, 'it has no such interval')
    }
    this.#wishes.clear()
    for (const [agentId, enabled, timestamps, interval] of wishes) {
      const chosen = interval ? this.intervals.choose(interval.us, 'nearest') : undefined
      this.#wishes.set(agentId, { enabled, timestamps, interval: chosen })
    }
    for (const [id, [mode, value, agentId]] of trips.entries()) this.configureTripPoint(id, mode, value, agentId)
    this.#settle()
  }

  #settle(): void {
    const wishes = [...this.#wishes.values()]
    const enabled = wishes.length === 0 ? this.#enabledAtStart : wishes.some(wish => wish.enabled)
    const interval = wishes.reduce<Interval | undefined>((shortest, { interval }) => {
      return interval && (!shortest || interval.us < shortest.us) ? interval : shortest
    }, undefined)
    const restart = enabled !== this.enabled || (interval ?? this.intervals.initial).us !== this.interval.us
    this.enabled = enabled
    this.timestampsEnabled = wishes.some(wish => wish.timestamps)
    this.interval = interval ?? this.intervals.initial
    if (restart) this.#restartSampling()
  }

  /** Adds a watcher: the sensor is sampled while it has any. */
  watch(): void {
    if (this.#watchers++ === 0) this.#restartSampling()
  }

  unwatch(): void {
    if (--this.#watchers === 0) this.#restartSampling()
  }

  #restartSampling(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#watchers === 0 || !this.enabled) return
    this.#last = this.read(0)
    this.#dueUs = this.#time.nowUs
    this.#scheduleSample()
  }

  /** Samples stay on multiples of the interval even if timers are late; missed samples are skipped. */
  #scheduleSample(): void {
    const { nowUs } = this.#time
    this.#dueUs = Math.max(this.#dueUs + this.interval.us, nowUs)
    this.#timer = this.#time.after(this.#dueUs - nowUs, () => {
      this.#scheduleSample()
      this.#checkTripPoints()
      this.#listener.sample(this)
    })
  }

  /** A trip point is triggered when the value reaches or crosses it (SCMI v3.2 §4.7.3.1). */
  #checkTripPoints(): void {
    const last = this.#last
    const value = this.read(0)
    this.#last = value
    this.tripPoints.forEach((trip, id) => {
      if (trip.mode & TRIP_RISING && last < trip.value && value >= trip.value) this.#listener.tripPoint(this, id, true)
      if (trip.mode & TRIP_FALLING && last > trip.value && value <= trip.value)
        this.#listener.tripPoint(this, id, false)
    })
  }
}
