/**
 * An agent's data events in memory that it shares with the platform: areas (SHMTIs) with a line for each event, and fast
 * channels, which are a value and a timestamp. Every event has a place of its own from the start, so nothing ever moves:
 * Linux goes on reading where it was told.
 */
import { z } from 'zod'
import { readSaved, type Saved } from '../platform/core/kept.js'
import { PAGE } from '../platform/core/shared-memory.js'
import { type DataEvent, OFF, ON_WITH_TIMESTAMP } from '../platform/telemetry/data-event.js'
import type { Telemetry } from '../platform/telemetry/model.js'
import {
  BLOCK_TIMESTAMP,
  DATA,
  highWord,
  INVALID,
  LINES,
  LONG,
  LONG_LINE,
  lowWord,
  SHORT_LINE,
  TIMESTAMP_VALID,
  USES_BLOCK_TIMESTAMP,
  WORD,
} from '../wire/tdcf.js'
import { areaWords, TdcfWriter } from '../wire/tdcf-writer.js'
import type { KeptPart } from './declaration/kept-view.js'
import type { Area, SharedMemory } from './declaration/shared-memory.js'

/** Value and timestamp: Linux reads both, whatever the event has. */
export const CHANNEL_SIZE = 16
const NOWHERE = new Int32Array(0)

const savedUse = z.literal([0, 1, 2])

/** Where an event's line is: in which area, and in bytes from its begin. */
export interface Place {
  shmti: number
  offset: number
  /** Of its block timestamp; 0: its line uses none. */
  blockOffset: number
}

/** What the lines are made of. */
export interface Readings {
  modeOf(event: DataEvent): number
  readingOf(event: DataEvent): number
  /** Ticks of timestamps now. */
  readonly ticks: number
}

/** An area: lines of events without or with a timestamp of their own, then a block timestamp and the lines that use it. */
class Shmti {
  readonly bytes: number
  readonly area: Area
  readonly group: number | undefined
  readonly events: readonly DataEvent[]
  readonly #shared: SharedMemory
  readonly #readings: Readings
  readonly #khz: number
  readonly #writer: TdcfWriter
  /** Offsets of lines in words. */
  readonly #lines = new Map<DataEvent, number>()
  /** Of the block timestamp line; 0: there is none. */
  readonly #block: number
  readonly #end: number

  constructor(
    events: readonly DataEvent[],
    group: number | undefined,
    { shared, readings, khz }: { shared: SharedMemory; readings: Readings; khz: number },
  ) {
    this.events = events
    this.group = group
    this.#shared = shared
    this.#readings = readings
    this.#khz = khz
    let at = LINES
    for (const event of events.filter(({ timestamp }) => timestamp !== 'block')) {
      this.#lines.set(event, at)
      at += event.timestamp === 'line' ? LONG_LINE : SHORT_LINE
    }
    const ofBlock = events.filter(({ timestamp }) => timestamp === 'block')
    this.#block = ofBlock.length > 0 ? at : 0
    if (ofBlock.length > 0) at += SHORT_LINE
    for (const event of ofBlock) {
      this.#lines.set(event, at)
      at += SHORT_LINE
    }
    this.#end = at
    this.bytes = Math.ceil((areaWords(at - LINES) * WORD) / PAGE) * PAGE
    this.area = shared.area(this.bytes, PAGE)
    this.#writer = new TdcfWriter(this.bytes / WORD)
  }

  placeOf(event: DataEvent, shmti: number): Place {
    const usesBlock = event.timestamp === 'block' && this.#readings.modeOf(event) === ON_WITH_TIMESTAMP
    return { shmti, offset: this.#lines.get(event)! * WORD, blockOffset: usesBlock ? this.#block * WORD : 0 }
  }

  /** Writes the whole area. */
  fill(): void {
    this.#write(() => {
      this.#writer.frame(this.#end - LINES)
      for (const event of this.events) this.#line(event)
    })
  }

  /** Writes the lines of these events anew; readers see all of them change at once. */
  update(events: Iterable<DataEvent>): void {
    this.#write(() => {
      for (const event of events) this.#line(event)
    })
  }

  #write(lines: () => void): void {
    const writer = this.#writer
    writer.words = this.#shared.inUse ? this.#shared.words : NOWHERE
    if (writer.words.length === 0) return
    writer.base = this.area.offset / WORD
    if (writer.sequence === 0) writer.adopt()
    writer.open()
    lines()
    if (this.#block > 0) writer.line(this.#block, BLOCK_TIMESTAMP, this.#khz, this.#readings.ticks)
    writer.close()
  }

  /** A line of an event that is not enabled is a hole: Linux takes every other one for enabled. */
  #line(event: DataEvent): void {
    const { eventId, timestamp } = event
    const at = this.#lines.get(event)!
    const mode = this.#readings.modeOf(event)
    const long = timestamp === 'line' ? LONG : 0
    if (mode === OFF) {
      this.#writer.line(at, DATA | long | INVALID, eventId, 0)
      return
    }
    const stamped = timestamp === 'block' ? USES_BLOCK_TIMESTAMP | TIMESTAMP_VALID : long && TIMESTAMP_VALID
    const metadata = DATA | long | (mode === ON_WITH_TIMESTAMP ? stamped : 0)
    const ticks = mode === ON_WITH_TIMESTAMP ? this.#readings.ticks : 0
    this.#writer.line(at, metadata, eventId, this.#readings.readingOf(event), ticks)
  }
}

export class TelemetryMemory implements KeptPart<DataEvent> {
  readonly shmtis: readonly Shmti[]
  readonly #shared: SharedMemory
  readonly #readings: Readings
  readonly #channels = new Map<DataEvent, Area>()
  /** By event, the id of its area, which is its index. */
  readonly #areaOf = new Map<DataEvent, number>()

  /** `seen` are the events that the agent sees. There is an area for those outside groups, and one for each group. */
  constructor(shared: SharedMemory, telemetry: Telemetry, seen: readonly DataEvent[], readings: Readings) {
    this.#shared = shared
    this.#readings = readings
    const inAreas = seen.filter(({ via }) => via === 'shmti')
    const groups = [undefined, ...telemetry.groups.keys()]
    const context = { shared, readings, khz: telemetry.timestampKhz }
    this.shmtis = groups.flatMap(group => {
      const events = inAreas.filter(event => event.group === group)
      return events.length === 0 ? [] : [new Shmti(events, group, context)]
    })
    for (const [id, { events }] of this.shmtis.entries()) for (const event of events) this.#areaOf.set(event, id)
    for (const event of seen) if (event.via === 'fast_channel') this.#channels.set(event, shared.area(CHANNEL_SIZE))
    shared.onFill(() => this.fill())
  }

  /** The guest has the memory. */
  get available(): boolean {
    return this.#shared.view !== undefined
  }

  get hasChannels(): boolean {
    return this.#channels.size > 0
  }

  addressOf(shmti: Shmti): number {
    return this.#shared.addressOf(shmti.area)
  }

  /** The address of an event's fast channel; undefined: it has none. */
  channelOf(event: DataEvent): number | undefined {
    const area = this.#channels.get(event)
    return area && this.#shared.addressOf(area)
  }

  /** The driver is about to be told an address: what lies there is right from now on. */
  use(): void {
    this.#shared.use()
  }

  /** Modes change by themselves. */
  revoke(): void {}

  /** The device forgets that the driver was told addresses. */
  clear(): void {}

  save(): Saved {
    return this.#shared.save()
  }

  /** A driver goes on that an earlier process told addresses. */
  restore(saved: Saved): void {
    this.#shared.resume(readSaved(savedUse, saved))
    this.fill()
  }

  placeOf(event: DataEvent): Place | undefined {
    const id = this.#areaOf.get(event)
    return id === undefined ? undefined : this.shmtis[id]!.placeOf(event, id)
  }

  fill(): void {
    for (const shmti of this.shmtis) shmti.fill()
    for (const event of this.#channels.keys()) this.#writeChannel(event)
  }

  /** Writes the present values of the enabled events that `which` chooses. */
  update(which: (event: DataEvent) => boolean): void {
    const chosen = (event: DataEvent): boolean => this.#readings.modeOf(event) !== OFF && which(event)
    for (const shmti of this.shmtis) {
      const events = shmti.events.filter(chosen)
      if (events.length > 0) shmti.update(events)
    }
    for (const event of this.#channels.keys()) if (chosen(event)) this.#writeChannel(event)
  }

  /** An event was enabled or disabled: its line is right before the agent is told. */
  modeChanged(event: DataEvent): void {
    if (this.#channels.has(event)) this.#writeChannel(event)
    const id = this.#areaOf.get(event)
    if (id !== undefined) this.shmtis[id]!.update([event])
  }

  /** Linux reads a channel without any sequence: a value of more than 32 bits can be half old and half new. */
  #writeChannel(event: DataEvent): void {
    const { inUse, words } = this.#shared
    if (!inUse || words.length === 0) return
    const mode = this.#readings.modeOf(event)
    const value = mode === OFF ? 0 : this.#readings.readingOf(event)
    const ticks = mode === ON_WITH_TIMESTAMP ? this.#readings.ticks : 0
    const at = this.#channels.get(event)!.offset / WORD
    for (const [i, word] of [lowWord(value), highWord(value), lowWord(ticks), highWord(ticks)].entries()) {
      Atomics.store(words, at + i, word | 0)
    }
  }
}
