/** Puts the parts together: a platform, one device for its agent, and the socket that front ends use. */
import { Device } from './device.js'
import { errorCode, OperatorError } from './errors.js'
import { type Logger, silentLogger } from './log.js'
import type { NativeOptions } from './native.js'
import { loadPlatformConfig } from './platform/config.js'
import { Platform } from './platform/platform.js'
import type { ResourceKind } from './platform/resource.js'
import { RealTime, type Time } from './platform/time.js'
import type { Agent } from './protocols/agent.js'
import { protocols as allProtocols } from './protocols/index.js'
import type { Protocol } from './protocols/protocol.js'
import { claimSocketPath, releaseSocketPath, socketIdentity } from './socket-path.js'
import type { Stats } from './stats.js'
import { describeEvent, describeExchange } from './trace.js'

/** How long a dialling device waits before it tries again. */
const REDIAL_MS = 100

/** Where front ends come from. */
export type Endpoint =
  /** Listen on this path; QEMU connects. */
  | { socketPath: string }
  /** QEMU listens on this path (`server=on`); dial it, and again whenever it drops. */
  | { connectPath: string }
  /** An inherited socket, listening or connected. */
  | { fd: number }

export interface ServeOptions {
  endpoint: Endpoint
  /** A platform file, or the name of a preset. */
  platform: string
  log?: Logger
  time?: Time
  /** Protocols to serve; default: all. */
  protocols?: readonly Protocol[]
  native?: Omit<NativeOptions, 'onBatch' | 'onEvent'>
}

/** Loads the platform file or preset with the sections that `protocols` know. Throws OperatorError (a ConfigError). */
export function loadPlatform(
  platform: string,
  protocols: readonly Protocol[] = allProtocols,
  time: Time = new RealTime(),
): Platform {
  const kinds = protocols.flatMap(protocol => (protocol.resource ? [protocol.resource as ResourceKind] : []))
  return loadPlatformConfig(platform, protocols, kinds, config => new Platform(config, kinds, time))
}

export class Server {
  readonly platform: Platform
  readonly device: Device
  readonly protocols: readonly Protocol[]
  readonly #log: Logger
  readonly #endpoint: Endpoint
  #socketIdentity: string | undefined
  #redial: NodeJS.Timeout | undefined

  /** Use `serve`. */
  constructor(platform: Platform, options: ServeOptions, log: Logger) {
    this.#endpoint = options.endpoint
    this.#log = log
    this.platform = platform
    this.protocols = options.protocols ?? allProtocols
    const peers: Agent[] = []
    this.device = new Device({
      agent: platform.config.agent,
      peers,
      platform,
      protocols: this.protocols,
      log,
      native: options.native ?? {},
    })
    if (log.isLevelEnabled('trace')) {
      this.device.observer = (request, reply) => log.trace(describeExchange(this.protocols, request, reply))
      this.device.events.onSent = (header, words) => log.trace(describeEvent(this.protocols, header, words))
    }
  }

  /** Opens the endpoint. Throws OperatorError if that can't be done. */
  async open(): Promise<void> {
    const { native } = this.device
    const endpoint = this.#endpoint
    if ('fd' in endpoint) {
      operatorsFault(`--fd ${endpoint.fd}`, () => native.adopt(endpoint.fd))
    } else if ('connectPath' in endpoint) {
      this.device.onChange = change => {
        if (change === 'disconnected') this.#dial(endpoint.connectPath)
      }
      this.#dial(endpoint.connectPath)
    } else {
      await claimSocketPath(endpoint.socketPath)
      operatorsFault(endpoint.socketPath, () => native.listen(endpoint.socketPath))
      this.#socketIdentity = socketIdentity(endpoint.socketPath)
    }
  }

  /** Dials until the front end listens. The first attempt's errors are the operator's; later ones are tried again. */
  #dial(path: string): void {
    this.#redial = undefined
    if (operatorsFault(path, () => this.device.native.dial(path))) return
    this.#redial = setTimeout(() => this.#dial(path), REDIAL_MS)
  }

  stats(): Stats[] {
    return [this.device.stats()]
  }

  /** Ends the connection, frees everything, removes the socket file. */
  close(): void {
    clearTimeout(this.#redial)
    this.device.onChange = undefined
    this.device.close()
    if ('socketPath' in this.#endpoint) releaseSocketPath(this.#endpoint.socketPath, this.#socketIdentity)
    this.#log.debug('closed')
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

/**
 * Serves a platform on a socket. Resolves when connections are accepted (or dialling has begun).
 * Throws OperatorError for a wrong platform file or an unusable endpoint.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const log = options.log ?? silentLogger()
  const platform = loadPlatform(options.platform, options.protocols, options.time)
  const server = new Server(platform, options, log)
  try {
    await server.open()
  } catch (error) {
    server.close()
    throw error
  }
  return server
}
