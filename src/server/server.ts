/** A running server: a platform, a device for each of its agents, and everything that can be attached to them. */
import type { ControlOptions } from '../access/open.js'
import { Device } from '../device/device.js'
import { type Endpoint, type EndpointOptions, OpenEndpoint } from '../device/endpoint.js'
import type { NativeOptions } from '../device/native.js'
import type { Stats } from '../device/stats.js'
import { DeviceFaults } from '../faults/device-faults.js'
import { Faults } from '../faults/faults.js'
import type { LoadedPlatform, PlatformOrigin } from '../loading/load.js'
import { MessageDecoder, messageText } from '../observe/messages.js'
import { tapDevice } from '../observe/seen.js'
import { Tap, type TapListener } from '../observe/tap.js'
import type { Platform } from '../platform/core/platform.js'
import type { AgentConfig } from '../platform/core/platform-config.js'
import type { Agent } from '../protocols/declaration/agent.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import type { Keeper } from '../state/keeper.js'
import type { WatchedTime } from '../state/watched-time.js'
import { RequestError } from '../support/errors.js'
import { LimitedLog } from '../support/limited-log.js'
import type { Logger } from '../support/log.js'
import type { TraceOptions, TraceRecorder } from '../trace/recorder.js'

export interface ServerOptions extends EndpointOptions {
  native?: Omit<NativeOptions, 'onBatch' | 'onEvent'>
}

export class Server {
  readonly platform: Platform
  readonly protocols: readonly Protocol[]
  /** One per agent, by agent id. */
  readonly devices: readonly Device[]
  /** The fault rules of the devices. */
  readonly faults: Faults
  /** Taps all messages of all devices. */
  readonly tap = new Tap()
  /** What the platform was made from. */
  readonly origin: PlatformOrigin
  /** Start of the platform, by its clock. */
  readonly startedUs: number
  /** The current trace, or the last one. */
  trace: TraceRecorder | undefined
  /** Present if state is persisted. */
  keeper: Keeper | undefined
  readonly #log: Logger
  readonly #endpointOptions: EndpointOptions
  readonly #endpoints: OpenEndpoint[] = []
  /** Path of a trace that is being started. */
  #startingTrace: string | undefined
  #isClosed = false
  #closeControl: (() => void) | undefined

  /** Use `serve` (serve.ts), which also opens the endpoints. */
  constructor(loaded: LoadedPlatform, agents: readonly AgentConfig[], options: ServerOptions, log: Logger) {
    const { platform, protocols, origin } = loaded
    this.#log = log
    this.platform = platform
    platform.tellBug = problem => log.error(problem)
    platform.tell = text => log.info(text)
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

  /** The endpoint of each agent's front end, in the order of `devices`. */
  get endpoints(): Endpoint[] {
    return this.#endpoints.map(open => open.endpoint)
  }

  /** The first agent's device; most platforms have one only. */
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
      if (records.dropped > 0) limited.warn(`${records.dropped} messages came too fast and were not logged`)
    }
  }

  /** Persists the platform's state in a file, and first restores what it holds. Throws OperatorError. */
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
   * Records all messages to a file in Perfetto's format, until `trace.stop()` or `close`. Throws OperatorError if the file
   * can't be written or another trace is being recorded.
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

  /** Opens the control service, web view and metrics that `options` ask for. Throws OperatorError. */
  async openControl(options: ControlOptions): Promise<void> {
    const { openControl } = await import('../access/open.js')
    this.#closeControl = await openControl(this, options, this.#log)
  }

  /** Statistics of each agent's device. */
  stats(): Stats[] {
    return this.devices.map(device => device.stats())
  }

  /** Ends all connections, frees everything and removes the socket files. A trace is completed soon after. */
  close(): void {
    this.#isClosed = true
    void this.trace?.stop()
    this.tap.flush()
    this.#closeControl?.()
    for (const endpoint of this.#endpoints) endpoint.close()
    // Closed first, so that what the devices release below stays in the file: guests may resume.
    this.keeper?.close()
    this.faults.close()
    for (const device of this.devices) device.close()
    this.platform.close()
    this.#log.debug('closed')
  }
}
