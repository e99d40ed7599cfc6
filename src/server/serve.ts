/** Puts the parts together: a platform, one device for each of its agents, and the sockets that front ends use. */
import type { ControlOptions } from '../access/open.js'
import { Device } from '../device/device.js'
import { type Endpoint, type EndpointOptions, OpenEndpoint } from '../device/endpoint.js'
import type { NativeOptions } from '../device/native.js'
import type { Stats } from '../device/stats.js'
import { DeviceFaults } from '../faults/device-faults.js'
import { Faults } from '../faults/faults.js'
import type { FaultRule } from '../faults/rule.js'
import {
  type LoadedPlatform,
  type LoadOptions,
  loadPlatform,
  type PlatformDefinition,
  type PlatformOrigin,
} from '../loading/load.js'
import { MessageDecoder, messageText } from '../observe/messages.js'
import { tapDevice } from '../observe/seen.js'
import { Tap, type TapListener } from '../observe/tap.js'
import type { Platform } from '../platform/core/platform.js'
import type { AgentConfig } from '../platform/core/platform-config.js'
import { RealTime } from '../platform/core/time.js'
import { agentsOf } from '../platform/file/config.js'
import type { Agent } from '../protocols/declaration/agent.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import type { Keeper } from '../state/keeper.js'
import { WatchedTime } from '../state/watched-time.js'
import { OperatorError, RequestError } from '../support/errors.js'
import { LimitedLog } from '../support/limited-log.js'
import { type Logger, silentLogger } from '../support/log.js'
import { own } from '../support/own.js'
import type { TraceOptions, TraceRecorder } from '../trace/recorder.js'

export interface ServeOptions extends LoadOptions, EndpointOptions {
  /** Of the platform's first agent; the only one, unless the platform file has more. */
  endpoint?: Endpoint
  /** Of agents by name. Names that the platform file lacks become agents that see everything. */
  endpoints?: Record<string, Endpoint>
  /** A platform file, the name of a preset, or what `definePlatform` made. */
  platform: string | PlatformDefinition
  log?: Logger
  /** Record a trace to this file, from the first message on. */
  trace?: string
  /** Keep the platform's state in this file, and go on from what it holds. */
  state?: string
  /** Rules by which the devices misbehave from the start; `server.faults` adds others. */
  faults?: readonly FaultRule[]
  native?: Omit<NativeOptions, 'onBatch' | 'onEvent'>
  /** Open the running platform to its user. */
  open?: ControlOptions
}

export class Server {
  readonly platform: Platform
  readonly protocols: readonly Protocol[]
  /** One for each agent, in the order of their ids. */
  readonly devices: readonly Device[]
  /** How the devices misbehave, if they do. */
  readonly faults: Faults
  /** Shows all messages of all devices. */
  readonly tap = new Tap()
  /** What the platform was made of. */
  readonly origin: PlatformOrigin
  /** When the platform began, by its time. */
  readonly startedUs: number
  /** The trace that is being recorded, or was last. */
  trace: TraceRecorder | undefined
  /** Keeps the platform's state, if that was wanted. */
  keeper: Keeper | undefined
  readonly #log: Logger
  readonly #endpointOptions: EndpointOptions
  readonly #endpoints: OpenEndpoint[] = []
  /** Path of the trace that is about to begin. */
  #startingTrace: string | undefined
  #isClosed = false
  #closeControl: (() => void) | undefined

  /** Use `serve`. */
  constructor(loaded: LoadedPlatform, agents: readonly AgentConfig[], options: ServeOptions, log: Logger) {
    const { platform, protocols, origin } = loaded
    this.#log = log
    this.platform = platform
    platform.tellBug = problem => log.error(problem)
    this.protocols = protocols
    this.origin = origin
    this.startedUs = platform.time.nowUs
    this.#endpointOptions = options
    const peers: Agent[] = []
    const names = agents.map(({ name }) => name)
    const faults = new Faults(protocols, names)
    const shared = { peers, platform, protocols, log, native: options.native ?? {} }
    this.faults = faults
    this.devices = agents.map(agent => new Device({ ...shared, agent }))
    for (const device of this.devices) new DeviceFaults(faults, device, tapDevice(this.tap, device), log)
    if (log.isLevelEnabled('trace')) this.tap.listen(this.#logMessages())
  }

  /** Where each agent's front end comes from, in the same order. */
  get endpoints(): Endpoint[] {
    return this.#endpoints.map(open => open.endpoint)
  }

  /** The first agent's device: the one there is, on most platforms. */
  get device(): Device {
    return this.devices[0]!
  }

  #logMessages(): TapListener {
    const decoder = new MessageDecoder(this.protocols)
    const limited = new LimitedLog(this.#log)
    const logs = this.devices.map(device => this.#log.child({ agent: device.agent.name }))
    return records => {
      while (records.next()) {
        const message = decoder.record(records)
        const text = message
          ? messageText(message)
          : `a message of ${records.requestLength} bytes, too short for a header`
        logs[records.device]!.trace(text)
      }
      if (records.dropped > 0) limited.warn(`${records.dropped} messages came too fast to be shown`)
    }
  }

  /** Keeps the platform's state in a file, and goes on from what it holds. Throws OperatorError. */
  async keepState(path: string, time: WatchedTime): Promise<void> {
    const { Keeper } = await import('../state/keeper.js')
    const { platform, protocols, origin, devices } = this
    const keeper = new Keeper(path, { platform, protocols, origin, devices, log: this.#log })
    this.keeper = keeper
    time.ran = () => keeper.commit()
  }

  /** Opens the endpoints of `devices`. Throws OperatorError if one can't be used. */
  async open(endpointOf: ReadonlyMap<string, Endpoint>): Promise<void> {
    for (const device of this.devices) {
      const endpoint = endpointOf.get(device.agent.name)!
      const open = await OpenEndpoint.open(device, endpoint, this.#endpointOptions)
      this.#endpoints.push(open)
      if (this.keeper?.resumed) open.releaseUnlessResumed()
    }
  }

  /**
   * Records all messages to a file, in Perfetto's format, until `trace.stop()` or `close`. Throws OperatorError if the file
   * can't be written, or if a trace is being recorded.
   */
  async startTrace(path: string, options: TraceOptions = {}): Promise<TraceRecorder> {
    const other = this.#startingTrace ?? (this.trace?.stats.recording ? this.trace.path : undefined)
    if (other !== undefined) {
      throw new RequestError(
        'FAILED_PRECONDITION',
        `a trace is being recorded to ${other}; stop it before you start another`,
      )
    }
    this.#startingTrace = path
    try {
      const { TraceRecorder } = await import('../trace/recorder.js')
      this.trace = await TraceRecorder.start(this, path, this.#log, options)
    } finally {
      this.#startingTrace = undefined
    }
    if (this.#isClosed) void this.trace.stop()
    return this.trace
  }

  /** Opens the platform to its user. Throws OperatorError. */
  async openControl(options: ControlOptions): Promise<void> {
    const { openControl } = await import('../access/open.js')
    this.#closeControl = await openControl(this, options, this.#log)
  }

  /** What each agent's device has done so far. */
  stats(): Stats[] {
    return this.devices.map(device => device.stats())
  }

  /** Ends all connections, frees everything, removes the socket files; a trace is completed soon after. */
  close(): void {
    this.#isClosed = true
    void this.trace?.stop()
    this.tap.flush()
    this.#closeControl?.()
    for (const endpoint of this.#endpoints) endpoint.close()
    // What agents hold is released below, but not in the file: their guests may live on.
    this.keeper?.close()
    this.faults.close()
    for (const device of this.devices) device.close()
    this.platform.close()
    this.#log.debug('closed')
  }
}

/** The endpoint of each agent by name. Throws OperatorError if one has none. */
function endpointsOf(agents: readonly AgentConfig[], options: ServeOptions): Map<string, Endpoint> {
  return new Map(
    agents.map((agent, i) => {
      const fromFile = agent.socket === undefined ? undefined : { socketPath: agent.socket }
      const endpoint = own(options.endpoints, agent.name) ?? (i === 0 ? options.endpoint : undefined) ?? fromFile
      if (endpoint) return [agent.name, endpoint]
      throw new OperatorError(
        agents.length === 1
          ? 'give one of --socket-path, --connect or --fd (--help shows examples)'
          : `agent ${agent.name} has no socket; give --agent ${agent.name}=PATH, or "socket:" in the platform file`,
      )
    }),
  )
}

/**
 * Serves a platform. Resolves when connections are accepted (or dialling has begun) for every agent.
 * Throws OperatorError for a wrong platform file or plug-in, or an unusable endpoint.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const log = options.log ?? silentLogger()
  const time = options.state === undefined ? undefined : new WatchedTime(options.time ?? new RealTime())
  const loaded = await loadPlatform(options.platform, { ...options, ...(time ? { time } : {}) })
  const agents = agentsOf(loaded.platform.config, Object.keys(options.endpoints ?? {}))
  const endpoints = endpointsOf(agents, options)
  const server = new Server(loaded, agents, options, log)
  try {
    for (const rule of options.faults ?? []) server.faults.add(rule)
    if (options.state !== undefined && time) await server.keepState(options.state, time)
    if (options.trace !== undefined) await server.startTrace(options.trace)
    await server.open(endpoints)
    if (options.open) await server.openControl(options.open)
  } catch (error) {
    server.close()
    throw error
  }
  return server
}
