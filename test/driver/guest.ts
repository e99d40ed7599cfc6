/** A guest without QEMU: front end, memory and mock driver on a served platform. It sends SCMI messages. */
import { Driver, type DriverOptions } from '../../src/front-end/driver.js'
import type { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT, GuestMemory, type RegionSpec } from '../../src/front-end/memory.js'
import { Feature } from '../../src/front-end/protocol.js'
import { driverOk, firstConnection } from '../../src/front-end/qemu.js'
import { packHeader } from '../../src/wire/header.js'

/** Linux's buffers: header, status, 128 bytes. */
export const CAPACITY = 136

export interface GuestOptions extends DriverOptions {
  memory?: readonly RegionSpec[]
  sealed?: boolean
}

/** One guest: its memory and driver outlive its connections. */
export class Guest {
  readonly memory: GuestMemory
  readonly driver: Driver
  readonly features: bigint
  /** Undefined while it is not connected. */
  frontEnd: FrontEnd | undefined
  #closed = false

  constructor({ memory = [FLAT], sealed = true, ...driver }: GuestOptions = {}) {
    this.memory = new GuestMemory(memory, { sealed })
    this.driver = new Driver(this.memory, { size: 16, eventSize: 16, ...driver })
    let features = Feature.VERSION_1 | Feature.PROTOCOL_FEATURES | Feature.P2A_CHANNELS
    if (driver.form && driver.form !== 'direct') features |= Feature.INDIRECT_DESC
    if (driver.eventIdx) features |= Feature.EVENT_IDX
    this.features = features
  }

  /** `bases` are given by a front end that resumes its rings. */
  async connect(frontEnd: FrontEnd, bases?: readonly number[]): Promise<void> {
    this.frontEnd = frontEnd
    const { protocolFeatures } = await firstConnection(frontEnd, this.driver.queues)
    await this.start(frontEnd, protocolFeatures, bases)
  }

  /** Starts the rings on a front end that is connected. */
  async start(frontEnd: FrontEnd, protocolFeatures = 0n, bases?: readonly number[]): Promise<void> {
    const { memory, driver, features } = this
    const more = bases ? { bases } : {}
    await driverOk(frontEnd, { features, protocolFeatures, memory, queues: driver.queues, ...more })
  }

  disconnect(): void {
    this.frontEnd?.close()
    this.frontEnd = undefined
  }

  /** Status and words of the reply. */
  async send(protocol: number, id: number, ...words: number[]): Promise<number[]> {
    const bytes = new Uint8Array(Uint32Array.of(packHeader(protocol, id, 0, 1), ...words).buffer)
    const { reply } = await this.driver.exchange(bytes, CAPACITY)
    return [...new Int32Array(reply.slice(4).buffer)]
  }

  /** The words of the events that have arrived, header first, oldest first. */
  events(): number[][] {
    return this.driver.events().map(event => [...new Uint32Array(event.slice().buffer)])
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.disconnect()
    this.driver.close()
    this.memory.close()
  }
}
