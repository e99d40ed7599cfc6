/** Where a device's front ends come from, and keeping that open: listen, dial and redial, or an inherited socket. */
import { dirname } from 'node:path'
import type { Timer } from '../platform/core/time.js'
import { errorCode, OperatorError } from '../support/errors.js'
import { own } from '../support/own.js'
import { claimSocketPath, releaseSocketPath, socketIdentity } from '../support/socket-path.js'
import type { Device } from './device.js'
import type { DeviceChange } from './life.js'
import type { NativeDevice } from './native.js'

/** Of `sockaddr_un`, without the zero at its end. */
const SOCKET_PATH_MAX = 107

/** How long a dialling device waits before it tries again. */
const REDIAL_MS = 100

/** How long a listening device keeps what a driver holds after its front end broke off. */
export const RELEASE_AFTER_MS = 30_000

export type Endpoint =
  /** Listen on this path; QEMU connects. */
  | { socketPath: string }
  /** QEMU listens on this path (`server=on`); dial it, and again whenever it drops. */
  | { connectPath: string }
  /** An inherited socket, listening or connected. */
  | { fd: number }

export interface EndpointOptions {
  /** Milliseconds for which a listening device keeps what a driver holds after its front end broke off. */
  releaseAfterMs?: number | undefined
  /** Permissions of the file of a socket that it listens on; default: 0600, the user's own. */
  socketMode?: number | undefined
}

/** An endpoint in use by a device. */
export class OpenEndpoint {
  readonly #device: Device
  readonly endpoint: Endpoint
  #socketIdentity: string | undefined
  #redial: NodeJS.Timeout | undefined
  readonly #releaseAfterMs: number
  #release: Timer | undefined

  private constructor(device: Device, endpoint: Endpoint, releaseAfterMs: number) {
    this.#device = device
    this.endpoint = endpoint
    this.#releaseAfterMs = releaseAfterMs
  }

  /** Resolves when connections are accepted, or dialling has begun. Throws OperatorError if that can't be. */
  static async open(
    device: Device,
    endpoint: Endpoint,
    { releaseAfterMs = RELEASE_AFTER_MS, socketMode }: EndpointOptions = {},
  ): Promise<OpenEndpoint> {
    const open = new OpenEndpoint(device, endpoint, releaseAfterMs)
    const { native } = device
    device.on('change', open.#onChange)
    if ('fd' in endpoint) {
      operatorsFault(`--fd ${endpoint.fd}`, () => native.adopt(endpoint.fd))
    } else if ('connectPath' in endpoint) {
      open.#dial(endpoint.connectPath)
    } else {
      await claimSocketPath(endpoint.socketPath)
      listen(native, endpoint.socketPath, socketMode)
      open.#socketIdentity = socketIdentity(endpoint.socketPath)
    }
    return open
  }

  readonly #onChange = (change: DeviceChange): void => {
    if (change === 'connected') this.#release?.cancel()
    if (change !== 'disconnected') return
    if ('connectPath' in this.endpoint) this.#dial(this.endpoint.connectPath)
    else this.#releaseLater(this.#device.endedInOrder ? 0 : this.#releaseAfterMs)
  }

  /**
   * Releases what the guest's driver holds some time after a front end has disconnected from a listening socket: its guest is
   * probably gone. At once if the front end stopped its rings before. A QEMU that reconnects (`reconnect=`) within this time
   * resumes with its state. A device that dials never does this: QEMU listens so that the connection can drop under a
   * running guest, which resumes whenever we get through. If a new QEMU answers instead, its driver starts a fresh ring, which
   * releases what the last one held.
   */
  #releaseLater(ms: number): void {
    this.#release?.cancel()
    const { time } = this.#device.agent.platform
    this.#release = time.after(ms * 1000, () => this.#device.forgetDriver())
  }

  /** Restored state is kept for the same time if its front end does not come back. */
  releaseUnlessResumed(): void {
    if (!('connectPath' in this.endpoint)) this.#releaseLater(this.#releaseAfterMs)
  }

  /** Dials until the front end listens. */
  #dial(path: string): void {
    if (operatorsFault(path, () => this.#device.native.dial(path))) return
    this.#redial = setTimeout(() => this.#dial(path), REDIAL_MS)
  }

  /** Ends dialling and waiting, and removes the socket file; the device itself is closed by its owner. */
  close(): void {
    this.#device.off('change', this.#onChange)
    clearTimeout(this.#redial)
    this.#release?.cancel()
    if ('socketPath' in this.endpoint) releaseSocketPath(this.endpoint.socketPath, this.#socketIdentity)
  }
}

function listen(native: NativeDevice, path: string, mode: number | undefined): void {
  try {
    native.listen(path, mode)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    const why: Readonly<Record<string, string>> = {
      ENOENT: `there is no folder ${dirname(path)}; make it`,
      ENAMETOOLONG: `is longer than the ${SOCKET_PATH_MAX} bytes of a socket's path; make it shorter`,
    }
    const problem = own(why, errorCode(error)!) ?? (error as Error).message
    throw new OperatorError(`${path}: ${problem}, or give another --socket-path`)
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
