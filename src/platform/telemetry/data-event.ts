/** One data event: a number of 64 bits with an id, and how it is described. Knows no bytes. */
import { Entry } from '../core/entry.js'
import type { EventConfig } from './config.js'
import { ACCUMULATING, type Measure, type MessageCount } from './measures.js'

export type Timestamp = EventConfig['timestamp']
export type Via = 'shmti' | 'fast_channel' | 'message'

/** How an event is enabled, as TELEMETRY_DE_CONFIGURE says it. */
export const OFF = 0
export const ON = 1
export const ON_WITH_TIMESTAMP = 2

export class DataEvent extends Entry {
  /** In messages and in memory: any number. `id` is its position, by which messages list events. */
  readonly eventId: number
  readonly unit: number
  readonly scale: number
  readonly type: number
  readonly component: number
  readonly componentInstance: number
  readonly instance: number
  readonly timestamp: Timestamp
  readonly persistent: boolean
  readonly via: Via
  /** Number of its group; undefined: it is in none. */
  readonly group: number | undefined
  /** As the boot firmware left it: OFF, ON or ON_WITH_TIMESTAMP. */
  readonly modeAtStart: number
  /** Which of its messages each agent counts; undefined: the platform measures. */
  readonly messages: MessageCount | undefined
  readonly #source: Measure['source']

  constructor(position: number, config: EventConfig, group: number | undefined, measure: Measure) {
    super({ ...config, id: position })
    this.eventId = config.id
    this.unit = measure.unit
    this.scale = measure.scale
    this.type = measure.type
    this.component = config.component
    this.componentInstance = config.component_instance
    this.instance = config.instance
    this.timestamp = config.timestamp
    this.persistent = config.persistent
    this.via = config.via ?? 'shmti'
    this.group = group
    this.modeAtStart = config.enabled === 'timestamp' ? ON_WITH_TIMESTAMP : config.enabled ? ON : OFF
    this.messages = measure.messages
    this.#source = measure.source
  }

  /** Its value only grows. */
  get accumulates(): boolean {
    return ACCUMULATING.includes(this.type)
  }

  /** The integer that agents read, within ±2^53; 0 for messages. `nowUs` never decreases from call to call. */
  read(nowUs: number): number {
    return this.#source?.read(nowUs) ?? 0
  }
}
