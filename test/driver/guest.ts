/** A guest without a machine: front end, memory and driver on a served platform. Its messages are SCMI. */
import { packHeader } from '../../src/wire/header.js'
import { Driver } from './driver.js'
import type { FrontEnd } from './front-end.js'
import { GuestMemory } from './memory.js'
import { Feature } from './protocol.js'
import { driverOk, firstConnection } from './qemu.js'

/** Linux's buffers: header, status, 128 bytes. */
export const CAPACITY = 136
const FEATURES = Feature.VERSION_1 | Feature.PROTOCOL_FEATURES | Feature.P2A_CHANNELS

/** One guest: its memory and driver outlive its connections. */
export class Guest {
  readonly memory = GuestMemory.flat()
  readonly driver = new Driver(this.memory, { size: 16, eventSize: 16 })
  #frontEnd: FrontEnd | undefined

  /** `bases` are given by a front end that resumes its rings. */
  async connect(frontEnd: FrontEnd, bases?: readonly number[]): Promise<void> {
    const { memory, driver } = this
    this.#frontEnd = frontEnd
    const { protocolFeatures } = await firstConnection(frontEnd, driver.queues)
    const queues = driver.queues
    await driverOk(frontEnd, { features: FEATURES, protocolFeatures, memory, queues, ...(bases ? { bases } : {}) })
  }

  disconnect(): void {
    this.#frontEnd?.close()
    this.#frontEnd = undefined
  }

  /** Status and words of the reply. */
  async send(protocol: number, id: number, ...words: number[]): Promise<number[]> {
    const bytes = new Uint8Array(Uint32Array.of(packHeader(protocol, id, 0, 1), ...words).buffer)
    const { reply } = await this.driver.exchange(bytes, CAPACITY)
    return [...new Int32Array(reply.slice(4).buffer)]
  }

  close(): void {
    this.disconnect()
    this.driver.close()
    this.memory.close()
  }
}
