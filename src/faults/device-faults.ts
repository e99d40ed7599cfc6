/**
 * Faults of one device: answers messages while there are rules (slower, allocates), keeps replies that arrive later,
 * and sends events as the platform. Everything pending is dropped when its driver goes.
 */
import type { Answering } from '../device/answering.js'
import type { Device } from '../device/device.js'
import {
  CMDQ,
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_LENGTH,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_TICKET,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  MESSAGE_MAX,
  TIME_TAKEN,
  WRITTEN_LATER,
} from '../device/native.js'
import type { DeviceTap } from '../observe/tap.js'
import { monotonicUs } from '../platform/core/time.js'
import type { Subject } from '../protocols/declaration/event-sink.js'
import type { Command, Event } from '../protocols/declaration/protocol.js'
import type { Logger } from '../support/log.js'
import type { Fields } from '../wire/fields.js'
import { HEADER_SIZE, messageIdOf, packHeader, protocolIdOf, STATUS_SIZE } from '../wire/header.js'
import { SUCCESS } from '../wire/status.js'
import { edit, hasValues, messageOf, refusal, viewOf } from './edit.js'
import type { Fault, Faults, FaultyDevice } from './faults.js'
import { type CompiledEvent, sentFields } from './rules/compile.js'
import { MESSAGE_TYPES, type MessageKind } from './rules/rule.js'
import { Storms } from './storms.js'
import { type Held, Waiting } from './waiting.js'

/** A command of the batch, and the reply to deliver. */
interface Answer {
  ticket: number
  request: DataView
  /** Size of the driver's buffer. */
  capacity: number
  arrivedUs: number
  reply: Uint8Array
  fault: Fault
}

/** Storms are sent in portions with at least this time between. */
const PORTION_US = 1000

export class DeviceFaults implements FaultyDevice {
  readonly #faults: Faults
  readonly #device: Device
  readonly #tap: DeviceTap
  readonly #log: Logger
  readonly #waiting: Waiting
  readonly #storms: Storms
  #isLinked = false
  #closed = false

  constructor(faults: Faults, device: Device, tap: DeviceTap, log: Logger) {
    this.#faults = faults
    this.#device = device
    this.#tap = tap
    this.#log = log.child({ agent: device.agent.name })
    this.#waiting = new Waiting(device.agent.platform.time)
    this.#storms = new Storms(device.events)
    faults.attach(this)
    device.events.set('faulty', (header, words, must, about) => this.#intercept(header, words, must, about))
    device.on('ringStopped', () => this.#faults.forget(this.#waiting.forget(['response'])))
    device.on('driverGone', () => this.#forgetAll())
  }

  get name(): string {
    return this.#device.agent.name
  }

  /** Batches are answered here while a rule could match one of their messages. */
  rulesChanged(): void {
    const { response } = this.#faults.awaited
    if (response === this.#isLinked) return
    this.#isLinked = response
    const link = (inner: Answering): Answering => ({ answer: (first, end) => this.#answer(inner, first, end) })
    this.#device.chain.set('faulty', response ? link : undefined)
  }

  #answer(inner: Answering, first: number, end: number): void {
    for (let entry = first; entry < end; entry += ENTRY_WORDS) {
      const request = this.#requestOf(entry)
      const fault = request.byteLength < HEADER_SIZE ? undefined : this.#takeCommand(request)
      if (fault) this.#answerWith(fault, inner, entry, request)
      else this.#answerTruly(inner, entry, request)
    }
  }

  /** Answers without faults. */
  #answerTruly(inner: Answering, entry: number, guestRequest: DataView): void {
    const { native } = this.#device
    const request = this.#tap.active ? copyOf(guestRequest) : undefined
    inner.answer(entry, entry + ENTRY_WORDS)
    if (!request) return
    const { batch } = native
    const view = this.#device.window(batch[entry + ENTRY_REPLY_WINDOW]!)
    const length = Math.min(batch[entry + ENTRY_WRITTEN]!, MESSAGE_MAX)
    const reply = new Uint8Array(view.buffer, view.byteOffset + batch[entry + ENTRY_REPLY_OFFSET]!, length)
    this.#record(request, batch[entry + ENTRY_REPLY_CAPACITY]!, reply)
  }

  /** The guest's memory, which may change at any time. */
  #requestOf(entry: number): DataView {
    const { native } = this.#device
    const view = this.#device.window(native.batch[entry + ENTRY_REQUEST_WINDOW]!)
    const length = Math.min(native.batch[entry + ENTRY_REQUEST_LENGTH]!, MESSAGE_MAX)
    return new DataView(view.buffer, view.byteOffset + native.batch[entry + ENTRY_REQUEST_OFFSET]!, length)
  }

  #takeCommand(request: DataView): Fault | undefined {
    const header = request.getUint32(0, true)
    const payload = new DataView(request.buffer, request.byteOffset + HEADER_SIZE, request.byteLength - HEADER_SIZE)
    return this.#take('response', header, payload, this.#command(header)?.request)
  }

  /** The rule that matches a message with these fields in its payload. */
  #take(kind: MessageKind, header: number, payload: DataView, fields: Fields | undefined): Fault | undefined {
    const { agent } = this.#device
    const fault = this.#faults.take(
      kind,
      agent.name,
      header,
      wanted => fields !== undefined && hasValues(payload, fields, wanted),
    )
    if (!fault) return undefined
    this.#device.faultHits++
    this.#log.debug(`fault rule ${fault.id} takes message 0x${header.toString(16)}`)
    return fault
  }

  #command(header: number): Command | undefined {
    return this.#device.agent.protocols[protocolIdOf(header)]?.commands[messageIdOf(header)]
  }

  #answerWith(fault: Fault, inner: Answering, entry: number, guestRequest: DataView): void {
    const { batch, times } = this.#device.native
    const { rule } = fault
    const request = copyOf(guestRequest)
    const arrivedUs = times[TIME_TAKEN]!
    const capacity = batch[entry + ENTRY_REPLY_CAPACITY]!
    const reply = this.#replyTo(fault, inner, entry, request).slice(0, capacity)
    const answer: Answer = { ticket: batch[entry + ENTRY_TICKET]!, request, capacity, arrivedUs, reply, fault }
    const atOnce = !(
      rule.drop ||
      rule.delay ||
      rule.hold ||
      rule.reorder ||
      rule.break ||
      rule.used_length !== undefined
    )
    if (atOnce) {
      this.#write(entry, answer)
      return
    }
    batch[entry + ENTRY_WRITTEN] = WRITTEN_LATER
    if (rule.break) this.breakRing()
    if (rule.drop || rule.break) this.#record(request, capacity, new Uint8Array(0))
    else this.#deliver(fault, 'response', () => this.#complete(answer))
  }

  /** The reply to deliver. */
  #replyTo(fault: Fault, inner: Answering, entry: number, request: DataView): Uint8Array {
    const { rule } = fault
    const header = request.getUint32(0, true)
    const execute = rule.execute ?? !(rule.drop || rule.break || rule.status !== undefined)
    return edit(execute ? this.#execute(inner, entry) : refusal(header, SUCCESS), rule, this.#command(header))
  }

  /** Executes a command whose reply the guest must not see yet: it goes to the spare window. */
  #execute(inner: Answering, entry: number): Uint8Array {
    const { native, spareWindow } = this.#device
    const { batch } = native
    const place = batch.slice(entry + ENTRY_REPLY_WINDOW, entry + ENTRY_REPLY_CAPACITY + 1)
    batch[entry + ENTRY_REPLY_WINDOW] = spareWindow
    batch[entry + ENTRY_REPLY_OFFSET] = 0
    batch[entry + ENTRY_REPLY_CAPACITY] = Math.min(batch[entry + ENTRY_REPLY_CAPACITY]!, MESSAGE_MAX)
    inner.answer(entry, entry + ENTRY_WORDS)
    batch.set(place, entry + ENTRY_REPLY_WINDOW)
    return new Uint8Array(this.#device.window(spareWindow).buffer.slice(0, batch[entry + ENTRY_WRITTEN]!))
  }

  /** Replies as part of the batch. */
  #write(entry: number, { request, capacity, reply, fault }: Answer): void {
    const { batch } = this.#device.native
    const view = this.#device.window(batch[entry + ENTRY_REPLY_WINDOW]!)
    new Uint8Array(view.buffer, view.byteOffset + batch[entry + ENTRY_REPLY_OFFSET]!, reply.length).set(reply)
    batch[entry + ENTRY_WRITTEN] = reply.length
    this.#record(request, capacity, reply)
    this.#repeat(reply, fault)
  }

  /** Records an exchange of this batch in the tap; an empty reply means none. */
  #record(request: DataView, capacity: number, reply: Uint8Array): void {
    if (this.#tap.active)
      this.#tap.exchange(this.#device.native.times[TIME_TAKEN]!, monotonicUs(), request, capacity, viewOf(reply))
  }

  /** Replies after the batch, if the driver still waits. */
  #complete({ ticket, request, capacity, arrivedUs, reply, fault }: Answer): void {
    if (!this.#device.native.completeHeld(ticket, reply, fault.rule.used_length)) return
    if (this.#tap.active) this.#tap.exchange(arrivedUs, monotonicUs(), request, capacity, viewOf(reply))
    this.#repeat(reply, fault)
  }

  /** Nobody waits for copies: like notifications, they may be dropped. */
  #repeat(message: Uint8Array, { rule }: Fault): void {
    if (rule.duplicate) this.#storms.send(message, rule.duplicate)
  }

  /** Runs `deliver` when the rule says, but never within this call: rings must not change during a batch. */
  #deliver(fault: Fault, kind: Held['kind'], deliver: () => void): void {
    const { delay, hold, reorder, drop } = fault.rule
    if (drop) return
    const held = delay ? this.#waiting.after(delay, kind, deliver) : this.#waiting.add(kind, deliver)
    if (!held) this.#device.events.dropped++
    else if (hold || reorder) fault.hold(held)
    else if (!delay) process.nextTick(held.deliver)
  }

  /** The event queue's link: true if a rule took the notification or delayed response. */
  #intercept(header: number, words: readonly number[], mustDeliver: boolean, about: Subject | undefined): boolean {
    const kind = mustDeliver ? 'delayed' : 'notification'
    if (!this.#faults.awaited[kind]) return false
    const declared = mustDeliver ? this.#command(header) : this.#event(header)
    const message = messageOf(header, words)
    const payload = message.subarray(mustDeliver ? HEADER_SIZE + STATUS_SIZE : HEADER_SIZE)
    const fault = this.#take(kind, header, viewOf(payload), declared && sentFields(kind, declared))
    if (!fault) return false
    const bytes = edit(message, fault.rule, declared)
    this.#deliver(fault, 'event', () => {
      // The resource may have been denied to the agent meanwhile.
      if (!mustDeliver && this.#device.agent.protocols[protocolIdOf(header)]?.mayHearOf(about) === false) return
      this.#device.events.send(bytes, mustDeliver)
      this.#repeat(bytes, fault)
    })
    return true
  }

  #event(header: number): Event | undefined {
    return this.#device.agent.protocols[protocolIdOf(header)]?.protocol.events.find(
      event => event.id === messageIdOf(header),
    )
  }

  /** Sends a message with the given count and rate. */
  send({ protocolId, messageId, type, token, words, count, rate }: CompiledEvent): void {
    const bytes = messageOf(packHeader(protocolId, messageId, MESSAGE_TYPES[type], token), words)
    const { time } = this.#device.agent.platform
    time.refresh()
    const beganUs = time.nowUs
    let sent = 0
    const sendDue = (): void => {
      const due = rate === undefined ? count : 1 + Math.floor(((time.nowUs - beganUs) * rate) / 1e6)
      const now = Math.min(due, count) - sent
      if (now > 0) this.#storms.send(bytes, now)
      sent += now
      if (rate && sent < count) this.#waiting.after(Math.max(PORTION_US, 1e6 / rate), 'event', sendDue)
    }
    sendDue()
  }

  /** Whether the driver can receive events. */
  get hasEvents(): boolean {
    return this.#device.events.available
  }

  holdEvents(held: boolean): void {
    if (!this.#closed) this.#device.events.hold(held)
  }

  /** After the batch: rings must not change during one. */
  breakRing(): void {
    process.nextTick(() => {
      if (!this.#closed) this.#device.native.breakRing(CMDQ)
    })
  }

  #forgetAll(): void {
    this.#faults.forget(this.#waiting.forget(['response', 'event']))
    this.#storms.clear()
  }

  close(): void {
    this.#closed = true
    this.#forgetAll()
  }
}

function copyOf(view: DataView): DataView {
  return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))
}
