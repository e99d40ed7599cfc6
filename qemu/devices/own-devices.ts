/** The devices of a machine that run in this process. */
import type { ScmiDevice } from '../machine/machine.js'
import { type DeviceOptions, type Server, startDevice } from './device.js'

/** An SCMI device of the machine. */
export interface DeviceRequest {
  /** Socket of a device in another process, with this platform; default: a device is started in this process. */
  socketPath?: string
  /** Who connects: QEMU to the device (default), or the device to QEMU, which allows the device to be restarted. */
  dials?: 'qemu' | 'device'
  /** Further options of the device in this process. */
  device?: DeviceOptions
  /** Default pci. */
  bus?: 'pci' | 'mmio'
  /** It can be plugged and unplugged while the guest runs; PCI only. */
  hasSlot?: boolean
  /** Present when the machine starts (default); else it has a slot, for Guest.plug. */
  isPlugged?: boolean
}

export interface DevicesPlan {
  machine: { scmi: ScmiDevice[] }
  /** One for each device of the machine. */
  requests: DeviceRequest[]
  platform: string | null
}

export class OwnDevices {
  /** In the machine's order. */
  readonly list: Server[] = []
  readonly #starts: (() => Promise<Server>)[]
  readonly #onServer: ((server: Server, index: number) => void) | undefined

  constructor({ machine, requests, platform }: DevicesPlan, onServer?: (server: Server, index: number) => void) {
    this.#starts = requests.flatMap(({ socketPath, device }, index) =>
      socketPath ? [] : [() => startDevice(platform!, machine.scmi[index]!, device)],
    )
    this.#onServer = onServer
  }

  async startAll(): Promise<void> {
    for (const index of this.#starts.keys()) await this.start(index)
  }

  /** Starts a device; one that was closed can be started again. */
  async start(index: number): Promise<Server> {
    const server = await this.#starts[index]!()
    this.list[index] = server
    this.#onServer?.(server, index)
    return server
  }

  close(): void {
    for (const server of this.list) server.close()
  }
}
