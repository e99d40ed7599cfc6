/**
 * The set-up of most native tests: a listening device, a connected front end, guest memory and a mock driver, all on the
 * event loop of this process. The device replies with the request's bytes in reverse, so that a test sees every byte of
 * both directions. When a rig is closed, it checks that no error went unnoticed and nothing leaked.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  BATCH_HEADER,
  createDevice,
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_LENGTH,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  EVENT_ENTRY,
  MESSAGE_MAX,
  type NativeDevice,
  NativeEvent,
  type NativeOptions,
} from '../../src/device/native.js'
import { Driver, type DriverOptions } from '../../src/front-end/driver.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT, GuestMemory, type RegionSpec } from '../../src/front-end/memory.js'
import { Feature } from '../../src/front-end/protocol.js'
import { driverOk, firstConnection, type StartOptions } from '../../src/front-end/qemu.js'
import { until } from '../../src/front-end/wait.js'
import { difference, resources } from '../driver/resources.js'

export { FLAT } from '../../src/front-end/memory.js'

export interface Happening {
  event: NativeEvent
  queue: number
  value: number
  text: string
}

export interface BackEndOptions extends Omit<NativeOptions, 'onBatch' | 'onEvent'> {
  /** Called instead of the echo. */
  onBatch?: (count: number, backEnd: BackEnd) => void
  onEvent?: (happening: Happening, backEnd: BackEnd) => void
}

/** A device, and what it has reported. */
export class BackEnd {
  readonly device: NativeDevice
  readonly batch: Uint32Array
  windows: DataView[]
  readonly happenings: Happening[] = []
  /** Number of messages in each batch so far. */
  readonly batches: number[] = []
  /** Refusals and faults that the test has not expected yet. */
  private surprises: Happening[] = []

  constructor({ onBatch, onEvent, ...options }: BackEndOptions = {}) {
    this.device = createDevice({
      ...options,
      onBatch: count => {
        this.batches.push(count)
        if (onBatch) onBatch(count, this)
        else this.echo(count)
      },
      onEvent: (event, queue, value, text) => {
        const happening = { event, queue, value, text }
        this.happenings.push(happening)
        if (event === NativeEvent.REFUSED || event === NativeEvent.QUEUE_FAULT) this.surprises.push(happening)
        if (event === NativeEvent.MEMORY) this.windows = this.device.windows()
        onEvent?.(happening, this)
      },
    })
    this.batch = this.device.batch
    this.windows = this.device.windows()
  }

  /** Answers each request with its bytes in reverse, as many as there is room for. */
  echo(count: number): void {
    const { batch, windows } = this
    for (let i = 0, entry = BATCH_HEADER; i < count; i++, entry += ENTRY_WORDS) {
      const from = windows[batch[entry + ENTRY_REQUEST_WINDOW]!]!
      const to = windows[batch[entry + ENTRY_REPLY_WINDOW]!]!
      const start = batch[entry + ENTRY_REQUEST_OFFSET]!
      const end = batch[entry + ENTRY_REPLY_OFFSET]!
      const length = Math.min(batch[entry + ENTRY_REQUEST_LENGTH]!, MESSAGE_MAX)
      const written = Math.min(length, batch[entry + ENTRY_REPLY_CAPACITY]!)
      for (let k = 0; k < written; k++) to.setUint8(end + k, from.getUint8(start + length - 1 - k))
      batch[entry + ENTRY_WRITTEN] = written
    }
  }

  /** Sends one event if there is a buffer for it. Returns the buffer's capacity, or -1. */
  sendEvent(bytes: Uint8Array): number {
    const capacity = this.device.peekEvent()
    if (capacity < 0) return capacity
    const window = this.windows[this.batch[EVENT_ENTRY + ENTRY_REPLY_WINDOW]!]!
    const offset = this.batch[EVENT_ENTRY + ENTRY_REPLY_OFFSET]!
    const written = Math.min(bytes.length, capacity)
    for (let k = 0; k < written; k++) window.setUint8(offset + k, bytes[k]!)
    this.device.commitEvent(written)
    return capacity
  }

  count(event: NativeEvent, queue?: number): number {
    return this.happenings.filter(h => h.event === event && (queue === undefined || h.queue === queue)).length
  }

  /** Waits for a refusal or a fault, and removes it from the unexpected ones. */
  async expect(event: typeof NativeEvent.REFUSED | typeof NativeEvent.QUEUE_FAULT): Promise<Happening> {
    const find = () => this.surprises.findIndex(h => h.event === event)
    await until(
      () => find() >= 0,
      () => `${nameOf(event)}, only ${this.describe()}`,
    )
    return this.surprises.splice(find(), 1)[0]!
  }

  /** Refusals and faults since the last call; a test that calls this expects some. */
  takeSurprises(): Happening[] {
    return this.surprises.splice(0)
  }

  async seen(event: NativeEvent, times = 1): Promise<Happening> {
    await until(
      () => this.count(event) >= times,
      () => `${nameOf(event)} × ${times}, only ${this.describe()}`,
    )
    return this.happenings.filter(h => h.event === event)[times - 1]!
  }

  describe(): string {
    return this.happenings.map(h => `${nameOf(h.event)}(${h.queue}, ${h.value}, '${h.text}')`).join(', ') || 'nothing'
  }
}

export const nameOf = (event: NativeEvent): string =>
  Object.entries(NativeEvent).find(([, value]) => value === event)?.[0] ?? `event ${event}`

export interface RigOptions extends BackEndOptions, DriverOptions {
  memory?: readonly RegionSpec[]
  sealed?: boolean
  /** What the guest acknowledges; default: all that is offered, EVENT_IDX and INDIRECT as the driver uses them. */
  features?: bigint
}

export interface Rig {
  backEnd: BackEnd
  device: NativeDevice
  frontEnd: FrontEnd
  memory: GuestMemory
  driver: Driver
  path: string
  /** What the guest acknowledges. */
  features: bigint
  protocolFeatures: bigint
  /** Sends what QEMU sends at DRIVER_OK, with the rig's features, memory and queues. */
  start(options?: Partial<StartOptions>): Promise<void>
  /** Drops the connection, if there is one, and makes a new one; sends nothing on it. */
  reconnect(): Promise<FrontEnd>
  /** Closes `thing` when the rig is closed. */
  own<T extends { close(): void }>(thing: T): T
  /** Closes everything and waits until all is released. Runs at the end of the test. */
  close(): Promise<void>
}

const directory = mkdtempSync(join(tmpdir(), 'scmi-'))
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
let sockets = 0

/** A unique path for a socket; removed when the process ends. */
export const socketPath = (): string => join(directory, `${sockets++}`)

/** Runs `use`; fails if this process has other descriptors or mappings afterwards. */
export async function withoutLeak<T>(use: () => Promise<T>): Promise<T> {
  const before = resources()
  const result = await use()
  await until(
    () => difference(before, resources()) === '',
    () => `everything given back\n${difference(before, resources())}`,
  )
  return result
}

/** A device with a connected front end that has sent nothing. */
export async function connected(options: RigOptions = {}): Promise<Rig> {
  const path = socketPath()
  const before = resources()
  const { memory: regions, sealed = true, size, eventSize, eventIdx, form, features, ...native } = options
  const driverOptions: DriverOptions = {
    ...(size === undefined ? {} : { size }),
    ...(eventSize === undefined ? {} : { eventSize }),
    ...(eventIdx === undefined ? {} : { eventIdx }),
    ...(form === undefined ? {} : { form }),
  }
  const backEnd = new BackEnd(native)
  backEnd.device.listen(path)
  const memory = regions ? new GuestMemory(regions, { sealed }) : new GuestMemory([FLAT], { sealed })
  const driver = new Driver(memory, driverOptions)
  const owned: { close(): void }[] = [driver, memory]
  let over = false
  const rig: Rig = {
    backEnd,
    device: backEnd.device,
    frontEnd: FrontEnd.connect(path),
    memory,
    driver,
    path,
    features: features ?? guestFeatures(options),
    protocolFeatures: 0n,
    start: more =>
      driverOk(rig.frontEnd, {
        features: rig.features,
        protocolFeatures: rig.protocolFeatures,
        memory,
        queues: driver.queues,
        ...more,
      }),
    own: thing => {
      owned.push(thing)
      return thing
    },
    reconnect: async () => {
      const connections = backEnd.count(NativeEvent.CONNECTED)
      rig.frontEnd.close()
      await backEnd.seen(NativeEvent.DISCONNECTED, connections)
      rig.frontEnd = FrontEnd.connect(path)
      await backEnd.seen(NativeEvent.CONNECTED, connections + 1)
      return rig.frontEnd
    },
    close: async () => {
      if (over) return
      over = true
      rig.frontEnd.close()
      backEnd.device.close()
      for (const thing of owned) thing.close()
      await until(
        () => difference(before, resources()) === '',
        () => `everything given back\n${difference(before, resources())}`,
      )
      const surprises = backEnd.takeSurprises()
      if (surprises.length > 0) throw new Error(`not expected: ${backEnd.describe()}`)
    },
  }
  onTestFinished(rig.close)
  await backEnd.seen(NativeEvent.CONNECTED)
  return rig
}

/** A device that has been through QEMU's first connection; the guest has done nothing yet. */
export async function negotiated(options: RigOptions = {}): Promise<Rig> {
  const rig = await connected(options)
  rig.protocolFeatures = (await firstConnection(rig.frontEnd, rig.driver.queues)).protocolFeatures
  return rig
}

/** A device whose guest has set DRIVER_OK. */
export async function started(options: RigOptions = {}): Promise<Rig> {
  const rig = await negotiated(options)
  await rig.start()
  return rig
}

function guestFeatures({ eventIdx, form, events = true }: RigOptions): bigint {
  let bits = Feature.VERSION_1 | Feature.PROTOCOL_FEATURES
  if (events) bits |= Feature.P2A_CHANNELS
  if (eventIdx) bits |= Feature.EVENT_IDX
  if (form !== undefined && form !== 'direct') bits |= Feature.INDIRECT_DESC
  return bits
}

/** `length` bytes that differ from each other and, by `seed`, from those of another message. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + (i >> 8) + 1) & 0xff)
}

export const reversed = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes).reverse()
