/**
 * Sends the commands of a trace to a platform again and compares the answers. A virtual clock has the times of the
 * trace, so that values that depend on time are the same. Changes by the host are not repeated.
 */
import { exchange } from '../device/exchange.js'
import { type LoadedPlatform, loadPlatform } from '../loading/load.js'
import { moduleOf } from '../loading/plugins.js'
import { type Message, MessageDecoder } from '../observe/messages.js'
import { VirtualTime } from '../platform/core/time.js'
import { agentsOf } from '../platform/file/config.js'
import { Agent } from '../protocols/declaration/agent.js'
import type { EventSink } from '../protocols/declaration/event-sink.js'
import { OperatorError } from '../support/errors.js'
import { thereAre } from '../support/known-names.js'
import { CHANNEL_WRITE, HEADER_SIZE, MESSAGE_MAX, messageIdOf, packHeader, protocolIdOf } from '../wire/header.js'
import { statusName } from '../wire/status.js'
import { differingFields, type Ignored } from './compare.js'
import { momentOf, type Recording, type TracedEvent, type TracedMessage, type TracedMoment } from './reader.js'

/** A message that differs. */
export interface Difference {
  /** As traced; undefined: not in the trace. */
  traced: TracedMessage | undefined
  /** As replayed; undefined: it did not come. */
  replayed: TracedMessage | undefined
  /** Names of what differs: fields, `status`, or `bytes`. */
  fields: readonly string[]
}

export interface Replay {
  commands: number
  events: number
  /** Commands answered by a fault rule, which are not compared. */
  skipped: number
  differences: Difference[]
}

export interface ReplayOptions {
  /** Default: the platform in the trace. */
  platform?: string
  plugins?: readonly string[]
  ignored: Ignored
}

/** Collects an agent's events. */
class KeptEvents implements EventSink {
  available = false
  readonly congested = false
  readonly #time: VirtualTime
  sent: { timeNs: number; bytes: DataView }[] = []

  constructor(time: VirtualTime) {
    this.#time = time
  }

  notify(header: number, words: number[]): void {
    if (this.available) this.respondLater(header, words)
  }

  respondLater(header: number, words: number[]): void {
    this.sent.push({ timeNs: this.#time.nowUs * 1000, bytes: new DataView(Uint32Array.of(header, ...words).buffer) })
  }
}

/** Throws OperatorError if the platform can't be loaded, or lacks an agent of the trace. */
export async function replay(recording: Recording, options: ReplayOptions): Promise<Replay> {
  const { about, events } = recording
  const time = new VirtualTime()
  time.nowUs = about.startedUs
  const { name, text, folder, plugins: recorded } = about.origin
  const platform = options.platform ?? { name, text, folder }
  const own = options.platform === undefined ? (recorded ?? []).map(moduleOf) : []
  const plugins = [...own, ...(options.plugins ?? [])]
  const loaded = await loadPlatform(platform, { plugins, time, agents: about.agents })
  const player = new Player(loaded, time, recording, options)
  for (const event of events) player.play(event)
  return player.finish()
}

/** A replayed agent, and its events in the trace. */
interface Part {
  agent: Agent
  events: KeptEvents
  traced: TracedMessage[]
}

class Player {
  readonly #time: VirtualTime
  readonly #decoder: MessageDecoder
  readonly #parts = new Map<string, Part>()
  readonly #options: ReplayOptions
  readonly #faults: TracedFaults
  readonly #result: Replay = { commands: 0, events: 0, skipped: 0, differences: [] }
  readonly #reply = new Uint8Array(MESSAGE_MAX)

  constructor(
    { platform, protocols }: LoadedPlatform,
    time: VirtualTime,
    { about: { agents }, events }: Recording,
    options: ReplayOptions,
  ) {
    this.#time = time
    this.#decoder = new MessageDecoder(protocols)
    this.#options = options
    this.#faults = new TracedFaults(events)
    const peers: Agent[] = []
    for (const config of agentsOf(platform.config, platform.config.agents.length > 0 ? [] : agents)) {
      const kept = new KeptEvents(time)
      const agent = new Agent({ config, platform, events: kept, peers, protocols })
      peers.push(agent)
      agent.channelSeen = (protocolId, messageId, status, request) =>
        kept.respondLater(packHeader(protocolId, messageId, CHANNEL_WRITE, 0), [status, ...request])
      this.#parts.set(config.name, { agent, events: kept, traced: [] })
    }
    const missing = agents.find(agent => !this.#parts.has(agent))
    if (missing === undefined) return
    const known = thereAre(this.#parts.keys())
    throw new OperatorError(`the platform has no agent ${missing}, which the trace needs; ${known}`)
  }

  play(event: TracedEvent): void {
    if (event.what === 'value') return
    this.#goTo(momentOf(event))
    const part = event.agent === undefined ? undefined : this.#parts.get(event.agent)
    if (!part) return
    if (event.what === 'moment') changeDriver(event, part)
    else if (event.kind === 'command') this.#command(event, part)
    else part.traced.push(event)
    if (event.what === 'message' && event.kind === 'fast channel') writeAgain(event, part.agent)
  }

  /** Events are compared at the end: timers were late when the trace was recorded, and are never late here. */
  finish(): Replay {
    const { differences } = this.#result
    for (const part of this.#parts.values()) this.#compareEvents(part)
    const at = ({ traced, replayed }: Difference): number => momentOf((traced ?? replayed)!)
    differences.sort((a, b) => at(a) - at(b))
    return this.#result
  }

  #goTo(timeNs: number): void {
    const timeUs = timeNs / 1000
    this.#time.advance(Math.max(0, timeUs - this.#time.nowUs))
    this.#time.nowUs = Math.max(timeUs, this.#time.nowUs)
  }

  #command(traced: TracedMessage, { agent }: Part): void {
    const { requestBytes, room } = traced
    const fault = this.#faults.ofCommand(traced)
    if (fault && !fault.executes) {
      this.#result.skipped++
      return
    }
    const replyBytes = exchange(agent, requestBytes, Math.min(room, MESSAGE_MAX), this.#reply)
    if (fault) this.#result.skipped++
    else {
      this.#result.commands++
      const message = this.#decoder.command(viewOf(requestBytes), viewOf(replyBytes))
      this.#compare(traced, { ...traced, ...tracedPart(message), replyBytes })
    }
  }

  #compare(traced: TracedMessage, replayed: TracedMessage): void {
    const fields = differingFields(traced, replayed, this.#options.ignored)
    if (fields.length > 0) this.#result.differences.push({ traced, replayed, fields })
  }

  /** Events with the same header are compared in order; others may be out of order. */
  #compareEvents({ agent, events, traced }: Part): void {
    const now = new Map<number, TracedMessage[]>()
    for (const { timeNs, bytes } of events.sent) {
      const header = bytes.getUint32(0, true)
      const message = tracedEvent(this.#decoder.event(bytes), bytes, agent.name, timeNs)
      const queue = now.get(header)
      if (queue) queue.push(message)
      else now.set(header, [message])
    }
    for (const message of traced) {
      const header = message.replyBytes.length < HEADER_SIZE ? -1 : viewOf(message.replyBytes).getUint32(0, true)
      if (this.#faults.ofEvents.has(header)) continue
      this.#result.events++
      const replayed = now.get(header)?.shift()
      if (replayed) this.#compare(message, replayed)
      else this.#differ({ traced: message, replayed: undefined, fields: [] })
    }
    for (const [header, messages] of now) {
      if (this.#faults.ofEvents.has(header)) continue
      for (const replayed of messages) this.#differ({ traced: undefined, replayed, fields: [] })
    }
  }

  /** Adds a difference, unless its message or protocol is ignored. */
  #differ(difference: Difference): void {
    const { message, protocol } = (difference.traced ?? difference.replayed)!
    const { ignored } = this.#options
    if (!ignored.has(message) && !ignored.has(protocol)) this.#result.differences.push(difference)
  }
}

/** What the guest wrote to a fast channel is acted on again. */
function writeAgain({ replyBytes }: TracedMessage, agent: Agent): void {
  const words = Array.from({ length: replyBytes.length >> 2 }, (_, i) => viewOf(replyBytes).getUint32(4 * i, true))
  const [header = 0, , ...request] = words
  agent.protocols[protocolIdOf(header)]?.state.writeAgain?.(messageIdOf(header), request)
}

function changeDriver({ category, name, values }: TracedMoment, { agent, events }: Part): void {
  if (category !== 'driver') return
  if (typeof values.event_queue === 'number') events.available = values.event_queue === 1
  if (typeof values.shared_memory === 'number') share(agent, values.shared_memory === 1)
  if (name === 'driver started' || name === 'driver forgotten') agent.restart()
}

/** The guest has the shared memory, or lacks it: nobody reads what is written there. */
function share({ shared }: Agent, has: boolean): void {
  if (!shared || has === (shared.view !== undefined)) return
  shared.map(has ? new DataView(new ArrayBuffer(shared.size)) : undefined)
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length)

/** A decoded message in the form of traced ones. */
function tracedPart(message: Message | undefined): Pick<TracedMessage, 'request' | 'status' | 'reply'> {
  const { request = {}, status, reply = {} } = message ?? {}
  return { request, status: status === undefined ? undefined : statusName(status), reply }
}

function tracedEvent(message: Message | undefined, bytes: DataView, agent: string, timeNs: number): TracedMessage {
  return {
    what: 'message',
    kind: message?.kind ?? 'notification',
    agent,
    protocol: message?.protocol ?? 'malformed',
    message: message?.message ?? 'malformed',
    token: message?.kind === 'delayed response' ? message.token : undefined,
    timeNs,
    answeredNs: timeNs,
    ...tracedPart(message),
    requestBytes: new Uint8Array(0),
    replyBytes: new Uint8Array(bytes.buffer),
    room: bytes.byteLength,
  }
}

interface TracedFault {
  /** The command was executed all the same. */
  executes: boolean
}

/** Messages that fault rules changed while the trace was recorded. */
class TracedFaults {
  readonly #commands = new Map<string, TracedFault>()
  /** Headers of notifications and delayed responses. */
  readonly ofEvents = new Set<number>()

  constructor(events: readonly TracedEvent[]) {
    for (const event of events) {
      if (event.what !== 'moment' || event.category !== 'fault') continue
      const { on, executed, header } = event.values
      if (on !== 'response') this.ofEvents.add(Number(header))
      const executes = executed === 1
      this.#commands.set(`${event.agent} ${event.timeNs} ${header}`, { executes })
    }
  }

  /** What a rule did to a command, if anything: recorded with the command's header, at its arrival time. */
  ofCommand({ agent, timeNs, requestBytes }: TracedMessage): TracedFault | undefined {
    if (requestBytes.length < HEADER_SIZE) return undefined
    return this.#commands.get(`${agent} ${timeNs} ${viewOf(requestBytes).getUint32(0, true)}`)
  }
}
