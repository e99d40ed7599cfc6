/**
 * Watches properties: what models tell of is looked at when the loop is idle, everything else at intervals. Changes that
 * the listener has no time for are not queued: it gets the values of when it has.
 */
import type { DescribedResource, Property, PropertyValue, ResourceGroup } from '../platform/core/property.js'
import { everyMs, type Time, type Timer } from '../platform/core/time.js'

/** One property of one resource. */
export interface Place {
  /** The whole address: `clock.uart.rate`. */
  readonly address: string
  readonly group: ResourceGroup
  readonly resource: DescribedResource
  readonly property: Property
}

/** A property and its value. */
export interface Reading {
  readonly place: Place
  /** In the property's unit; undefined: it has none. */
  readonly value: PropertyValue | undefined
}

export interface WatchOptions {
  /** Milliseconds between looks at what models don't tell of, such as sensors; default 100. */
  intervalMs?: number
  /** Gets the values at the start, and then those that changed; not empty. */
  onReadings(readings: Reading[]): void
  /** Whether the listener has time for more; default: always. */
  ready?(): boolean
}

const INTERVAL_MS = 100

export class Watcher {
  readonly #places: readonly Place[]
  readonly #time: Time
  readonly #options: WatchOptions
  readonly #last: unknown[]
  /** Positions of places by what models name them by. */
  readonly #positions = new Map<object, number[]>()
  /** Resources that have changed; all of them where a model does not say which. */
  readonly #changed = new Set<object>()
  readonly #ends: (() => void)[]
  readonly #timer: Timer
  #soon: NodeJS.Immediate | undefined

  constructor(places: readonly Place[], time: Time, options: WatchOptions) {
    this.#places = places
    this.#time = time
    this.#options = options
    // No value is equal to it.
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

  /** Those of `positions` whose values are others than the listener knows. */
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
