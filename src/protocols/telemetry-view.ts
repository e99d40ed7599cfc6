/** What the Telemetry protocol keeps for one agent: what is enabled, when it is updated, readings under way. */
import { z } from 'zod'
import { PLATFORM_AGENT } from '../platform/core/agent-ids.js'
import { mustFit, savedWord } from '../platform/core/kept.js'
import { type DataEvent, ON_WITH_TIMESTAMP, type Via } from '../platform/telemetry/data-event.js'
import type { Telemetry } from '../platform/telemetry/model.js'
import { optional, rest, s32, s64, u32, u64 } from '../wire/fields.js'
import { DENIED, INVALID_PARAMETERS, PARTIAL_ERROR, SUCCESS } from '../wire/status.js'
import { appendLine, LONG } from '../wire/tdcf.js'
import { event } from './declaration/define-protocol.js'
import { KeptView } from './declaration/kept-view.js'
import { maxPending, PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Collection, NOTIFIED, type UpdateSet } from './telemetry-collection.js'
import { type Readings, TelemetryMemory } from './telemetry-memory.js'
import { EventModes } from './telemetry-modes.js'

const LINES = rest('lines', [
  u32('metadata'),
  u32('de_id'),
  s64('value'),
  optional([u64('timestamp')], line => (Number(line.metadata) & LONG) !== 0),
])

/** TELEMETRY_CONFIG_SET: fields of the delayed response, READING_COMPLETE; `num_dwords` counts words of 4 bytes. */
export const READING_COMPLETE = [u32('num_dwords'), LINES]

export const TELEMETRY_UPDATE = event(0x0, 'TELEMETRY_UPDATE', [
  u32('agent_id'),
  s32('status'),
  u32('num_dwords'),
  LINES,
])

/**
 * The most words of lines in a delayed response and in a notification that fit Linux' default buffers of 128 bytes of
 * payload. Lines have an even number of words.
 */
const READING_WORDS_MAX = 30
const UPDATE_WORDS_MAX = 28

/** Updates of all events, in place of a group. */
export const ALL_EVENTS = 0xffff_ffff

/** A single reading under way: of which group, or ALL_EVENTS. */
const singleRead = z.strictObject({ group: savedWord, header: savedWord })

export class TelemetryView extends KeptView<DataEvent> implements Readings {
  readonly telemetry: Telemetry
  readonly modes: EventModes
  readonly collection: Collection
  readonly pending: PendingCommands<z.infer<typeof singleRead>>
  /** Undefined: the platform shares none. */
  readonly memory: TelemetryMemory | undefined
  /** The events that the agent may use, by index. */
  events: readonly DataEvent[] = []
  readonly #byEventId: ReadonlyMap<number, number>
  /** What accumulating events had counted when the agent's count began. */
  readonly #since = new Map<DataEvent, number>()
  /** An event was enabled since counts began. */
  #used = false

  constructor(telemetry: Telemetry, protocol: AgentProtocol) {
    super(telemetry.list, protocol)
    this.telemetry = telemetry
    const { time } = protocol.agent.platform
    this.#byEventId = new Map(this.list.flatMap((event, i) => (event ? [[event.eventId, i]] : [])))
    this.modes = this.keep(
      new EventModes(this, telemetry, this.resources, event => {
        this.#used = true
        this.memory?.modeChanged(event)
      }),
    )
    this.collection = this.keep(
      new Collection(
        telemetry,
        time,
        () => this.onChange?.(),
        set => this.#update(set),
      ),
    )
    this.pending = this.keep(
      new PendingCommands(this, {
        max: maxPending(protocol) ?? 1,
        shape: singleRead,
        check: ({ group }) => mustFit(group === ALL_EVENTS || group < telemetry.groups.length, `no group ${group}`),
        finish: ({ group, header }) => this.#complete(group, header),
      }),
    )
    const { shared } = protocol.agent
    this.memory = shared && this.keep(new TelemetryMemory(shared, telemetry, this.resources, this))
    this.#used = this.modes.count > 0
    this.#listEvents()
    this.collection.start()
  }

  /** Single readings are offered: not without an event queue, which brings the values. */
  get readsSingly(): boolean {
    return this.telemetry.singleReadUs !== undefined && this.protocol.agent.events.available
  }

  get notifies(): boolean {
    return this.telemetry.config.notifications && this.protocol.agent.events.available
  }

  /** The event with this id, or undefined: then answer `refusal`. */
  findEvent(eventId: number): DataEvent | undefined {
    const index = this.#byEventId.get(eventId)
    if (index !== undefined) return this.find(index)
    this.refusal = INVALID_PARAMETERS
    return undefined
  }

  /** The events of a group that the agent may use, or undefined: then answer `refusal`. */
  findGroup(group: number): readonly DataEvent[] | undefined {
    this.refusal = INVALID_PARAMETERS
    const events = this.telemetry.groups[group]?.events.filter(event => this.idOf(event) !== undefined)
    if (events?.length !== 0) return events
    this.refusal = DENIED
    return undefined
  }

  /** The value for this agent: accumulated since its count began. */
  readingOf(event: DataEvent): number {
    return this.#totalOf(event) - (this.#since.get(event) ?? 0)
  }

  #totalOf(event: DataEvent): number {
    const { agent } = this.protocol
    if (event.messages === undefined) return event.read(agent.platform.time.nowUs)
    let sum = 0
    for (const served of agent.served) sum += served.counts.total[event.messages]
    return sum
  }

  modeOf(event: DataEvent): number {
    return this.modes.of(event)
  }

  /** Of timestamps, now. */
  get ticks(): number {
    return this.telemetry.timestampAt(this.protocol.agent.platform.time.nowUs)
  }

  /** The driver is about to be told an address. */
  useMemory(): void {
    if (this.protocol.agent.shared?.inUse) return
    this.memory?.use()
    this.onChange?.()
  }

  /** How the agent reads an event: by message while its guest does not have the shared memory. */
  viaOf({ via }: DataEvent): Via {
    return this.memory?.available ? via : 'message'
  }

  /** TELEMETRY_RESET: as after the start, and accumulated values begin at 0. */
  resetAll(): void {
    this.#startCounts(() => true)
    this.reset()
    // Those that stay enabled still have what they had counted: Linux reads memory right after it has reset.
    this.memory?.update(({ accumulates }) => accumulates)
  }

  #startCounts(which: (event: DataEvent) => boolean): void {
    for (const event of this.resources) {
      if (event.accumulates && which(event)) this.#since.set(event, this.#totalOf(event))
    }
    this.#used = this.modes.count > 0
  }

  /** A set's interval has elapsed. */
  #update(set: UpdateSet): void {
    this.memory?.update(event => this.collection.setOf(event.group) === set)
    if (set.mode !== NOTIFIED || !this.notifies) return
    const messages = this.#linesOf(event => this.collection.setOf(event.group) === set, UPDATE_WORDS_MAX)
    for (const words of messages) {
      this.protocol.notify(TELEMETRY_UPDATE.id, [PLATFORM_AGENT, SUCCESS, words.length, ...words])
    }
  }

  #complete(group: number, header: number): void {
    const isRead = (event: DataEvent): boolean => group === ALL_EVENTS || event.group === group
    // The driver looks there as soon as it has the response.
    this.memory?.update(isRead)
    const [words = [], ...others] = this.#linesOf(isRead, READING_WORDS_MAX)
    const response = others.length > 0 ? [PARTIAL_ERROR] : [SUCCESS, words.length, ...words]
    this.protocol.respondLater(header, response)
  }

  /** Lines of the enabled events that come by message, in pieces of at most `max` words; one piece without any. */
  #linesOf(which: (event: DataEvent) => boolean, max: number): number[][] {
    let piece: number[] = []
    const pieces = [piece]
    for (const event of this.modes.enabled) {
      if (this.viaOf(event) !== 'message' || !which(event) || this.idOf(event) === undefined) continue
      const hasTimestamp = event.timestamp !== 'none' && this.modes.of(event) === ON_WITH_TIMESTAMP
      const line: number[] = []
      appendLine(line, event.eventId, this.readingOf(event), hasTimestamp ? this.ticks : undefined)
      if (piece.length + line.length > max) pieces.push((piece = []))
      piece.push(...line)
    }
    return pieces
  }

  #listEvents(): void {
    this.events = this.resources.filter(event => this.idOf(event) !== undefined)
  }

  override permissionsChanged(): readonly DataEvent[] {
    const revoked = super.permissionsChanged()
    this.#listEvents()
    // A notification has several events: those that wait may have one of these among them.
    if (revoked.length > 0) this.protocol.dropNotifications()
    return revoked
  }

  override reset(): void {
    super.reset()
    if (this.#used) this.#startCounts(({ persistent }) => !persistent)
  }

  override release(): void {
    super.release()
    this.collection.stop()
  }
}
