/** Which data events an agent has enabled, and which groups as such. */
import { z } from 'zod'
import { mustFit, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { type DataEvent, OFF, ON_WITH_TIMESTAMP } from '../platform/telemetry/data-event.js'
import type { Telemetry } from '../platform/telemetry/model.js'
import type { KeptPart } from './declaration/kept-view.js'
import type { Ids } from './declaration/subscriptions.js'

const savedMode = z.int().min(OFF).max(ON_WITH_TIMESTAMP)
const savedModes = z.tuple([
  z.array(z.tuple([savedWord.describe('event'), savedMode])),
  z.array(z.tuple([savedWord.describe('group'), savedMode])),
])

export class EventModes implements KeptPart<DataEvent> {
  readonly #ids: Ids<DataEvent>
  readonly #telemetry: Telemetry
  readonly #changed: (event: DataEvent) => void
  /** Those that are not OFF. */
  readonly #modes = new Map<DataEvent, number>()
  readonly #groups = new Map<number, number>()
  /** What the boot firmware enabled. */
  readonly #atStart: readonly DataEvent[]

  /** `seen` are the events that the agent sees; `changed` is called after each change of a mode. */
  constructor(
    ids: Ids<DataEvent>,
    telemetry: Telemetry,
    seen: readonly DataEvent[],
    changed: (event: DataEvent) => void,
  ) {
    this.#ids = ids
    this.#telemetry = telemetry
    this.#changed = changed
    this.#atStart = seen.filter(({ modeAtStart }) => modeAtStart !== OFF)
    for (const event of this.#atStart) this.#modes.set(event, event.modeAtStart)
  }

  /** The most that may be enabled. */
  get max(): number {
    return this.#telemetry.config.max_enabled ?? Number.POSITIVE_INFINITY
  }

  get count(): number {
    return this.#modes.size
  }

  /** OFF, ON or ON_WITH_TIMESTAMP. */
  of(event: DataEvent): number {
    return this.#modes.get(event) ?? OFF
  }

  ofGroup(group: number): number {
    return this.#groups.get(group) ?? OFF
  }

  /** The enabled events. */
  get enabled(): Iterable<DataEvent> {
    return this.#modes.keys()
  }

  set(event: DataEvent, mode: number): void {
    if (this.of(event) === mode) return
    if (mode === OFF) this.#modes.delete(event)
    else this.#modes.set(event, mode)
    this.#changed(event)
    this.#ids.onChange?.()
  }

  setGroup(group: number, mode: number): void {
    if (mode === OFF) this.#groups.delete(group)
    else this.#groups.set(group, mode)
    this.#ids.onChange?.()
  }

  /** Disables everything, groups as well. */
  disableAll(): void {
    for (const event of [...this.#modes.keys()]) this.set(event, OFF)
    this.#groups.clear()
    this.#ids.onChange?.()
  }

  revoke(events: readonly DataEvent[]): void {
    for (const event of events) this.set(event, OFF)
  }

  /** Back to what the boot firmware enabled. Leaves alone what is as it was: a guest may ask for this all the time. */
  clear(): void {
    for (const event of [...this.#modes.keys()]) if (event.modeAtStart === OFF) this.set(event, OFF)
    for (const event of this.#atStart) if (this.#ids.idOf(event) !== undefined) this.set(event, event.modeAtStart)
    if (this.#groups.size === 0) return
    this.#groups.clear()
    this.#ids.onChange?.()
  }

  save(): Saved {
    const ids = [...this.#modes].flatMap(([event, mode]) => {
      const id = this.#ids.idOf(event)
      return id === undefined ? [] : [[id, mode]]
    })
    return [ids, [...this.#groups]]
  }

  restore(saved: Saved): void {
    const [events, groups] = readSaved(savedModes, saved)
    mustFit(events.length <= this.max, `at most ${this.max} events can be enabled`)
    this.disableAll()
    for (const [id, mode] of events) this.set(this.#ids.saved(id), mode)
    for (const [group, mode] of groups) {
      mustFit(group < this.#telemetry.groups.length, `there is no group ${group}`)
      this.setGroup(group, mode)
    }
  }
}
