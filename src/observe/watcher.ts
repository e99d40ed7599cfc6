/**
 * Watches properties. Those whose models emit events are read when the loop is idle, the others at intervals. Changes
 * are not queued: a listener that is not ready gets the latest values when it is.
 */
import type { DescribedResource, Property, PropertyValue, ResourceGroup } from '../platform/core/property.js'
import { everyMs, type Time, type Timer } from '../platform/core/time.js'

/** One property of one resource. */
export interface Place {
  /** Full address: `clock.uart.rate`. */
  readonly address: string
  readonly group: ResourceGroup
  readonly resource: DescribedResource
  readonly property: Property
}

/** A property and its value. */
export interface Reading {
  readonly place: Place
  /** In the property's unit; undefined: no value. */
  readonly value: PropertyValue | undefined
}

export interface WatchOptions {
  /** Polling interval in milliseconds for properties without events, such as sensors; default 100. */
  intervalMs?: number
  /** First gets all values, then those that changed; never empty. */
  onReadings(readings: Reading[]): void
  /** Whether the listener is ready for more; default: always. */
  ready?(): boolean
}

const INTERVAL_MS = 100

export class Watcher {
  readonly #places: readonly Place[]
  readonly #time: Time
  readonly #options: WatchOptions
  readonly #last: unknown[]
  /** Indexes of places by the subject that model events carry. */
  readonly #positions = new Map<object, number[]>()
  /** Subjects that changed; `this` if a model did not say which. */
  readonly #changed = new Set<object>()
  readonly #ends: (() => void)[]
  readonly #timer: Timer
  #soon: NodeJS.Immediate | undefined

  constructor(places: readonly Place[], time: Time, options: WatchOptions) {
    this.#places = places
    this.#time = time
    this.#options = options
    // Differs from every value.
    this.#last = new Array(places.length).fill(this)
    places.forEach(({ resource: { subject } }, i) => {
      const positions = this.#positions.get(subject)
      if (positions) positions.push(i)
      else this.#positions.set(subject, [i])
    })
    const groups = new Set(places.map(place => place.group))
    this.#ends = [...groups].flatMap(group => group.watch?.(this.#onChange) ?? [])
    this.#timer = everyMs(options.intervalMs ?? INTERVAL_MS, () => this.#look())
    this.#soon = setImmediate(() => this.#look())
  }

  close(): void {
    this.#timer.cancel()
    clearImmediate(this.#soon)
    for (const end of this.#ends) end()
  }

  /** May be called from the hot path. */
  readonly #onChange = (subject: object | undefined): void => {
    if (subject && !this.#positions.has(subject)) return
    this.#changed.add(subject ?? this)
    this.#soon ??= setImmediate(this.#onIdle)
  }

  readonly #onIdle = (): void => {
    this.#soon = undefined
    const changed = [...this.#changed]
    this.#changed.clear()
    if (changed.includes(this)) this.#look()
    else this.#tell(changed.flatMap(subject => this.#positions.get(subject) ?? []))
  }

  #look(): void {
    this.#soon = undefined
    this.#tell(this.#places.keys())
  }

  /** Passes on those of `positions` whose values have changed. */
  #tell(positions: Iterable<number>): void {
    if (this.#options.ready?.() === false) return
    this.#time.refresh()
    const readings: Reading[] = []
    for (const i of positions) {
      const place = this.#places[i]!
      const value = place.property.read()
      if (value === this.#last[i]) continue
      this.#last[i] = value
      readings.push({ place, value })
    }
    if (readings.length > 0) this.#options.onReadings(readings)
  }
}
