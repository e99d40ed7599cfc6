/** Where a device's front ends come from, and keeping that open: listen, dial and redial, or an inherited socket. */
import type { Device, DeviceChange } from './device.js'
import { errorCode, OperatorError } from './errors.js'
import { claimSocketPath, releaseSocketPath, socketIdentity } from './socket-path.js'

/** How long a dialling device waits before it tries again. */
const REDIAL_MS = 100

export type Endpoint =
  /** Listen on this path; QEMU connects. */
  | { socketPath: string }
  /** QEMU listens on this path (`server=on`); dial it, and again whenever it drops. */
  | { connectPath: string }
  /** An inherited socket, listening or connected. */
  | { fd: number }

/** An endpoint in use by a device. */
export class OpenEndpoint {
  readonly #device: Device
  readonly endpoint: Endpoint
  #socketIdentity: string | undefined
  #redial: NodeJS.Timeout | undefined

  private constructor(device: Device, endpoint: Endpoint) {
    this.#device = device
    this.endpoint = endpoint
  }

  /** Resolves when connections are accepted, or dialling has begun. Throws OperatorError if that can't be. */
  static async open(device: Device, endpoint: Endpoint): Promise<OpenEndpoint> {
    const open = new OpenEndpoint(device, endpoint)
    const { native } = device
    if ('fd' in endpoint) {
      operatorsFault(`--fd ${endpoint.fd}`, () => native.adopt(endpoint.fd))
    } else if ('connectPath' in endpoint) {
      device.on('change', open.#onChange)
      open.#dial(endpoint.connectPath)
    } else {
      await claimSocketPath(endpoint.socketPath)
      operatorsFault(endpoint.socketPath, () => native.listen(endpoint.socketPath))
      open.#socketIdentity = socketIdentity(endpoint.socketPath)
    }
    return open
  }

  readonly #onChange = (change: DeviceChange): void => {
    if (change === 'disconnected' && 'connectPath' in this.endpoint) this.#dial(this.endpoint.connectPath)
  }

  /** Dials until the front end listens. */
  #dial(path: string): void {
    if (operatorsFault(path, () => this.#device.native.dial(path))) return
    this.#redial = setTimeout(() => this.#dial(path), REDIAL_MS)
  }

  /** Ends dialling, and removes the socket file; the device itself is closed by its owner. */
  close(): void {
    this.#device.off('change', this.#onChange)
    clearTimeout(this.#redial)
    if ('socketPath' in this.endpoint) releaseSocketPath(this.endpoint.socketPath, this.#socketIdentity)
  }
}

/** Runs `open`, turning a system error into one line for the operator. */
function operatorsFault<T>(subject: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    throw new OperatorError(`${subject}: ${(error as Error).message}`)
  }
}
