/**
 * Records a server's activity. This end runs on the devices' thread and only copies bytes: every few milliseconds it
 * passes the tap's records to a session (port.ts) on another thread. The records waiting for the session are bounded;
 * beyond that, messages are dropped and counted in the trace, the log and the statistics.
 */
import { closeSync } from 'node:fs'
import type { Device } from '../device/device.js'
import type { FaultHit, Faults } from '../faults/faults.js'
import type { PlatformOrigin } from '../loading/load.js'
import { Resources } from '../observe/resources.js'
import type { Tap } from '../observe/tap.js'
import type { TapRecords } from '../observe/tap-records.js'
import type { Platform } from '../platform/core/platform.js'
import { monotonicUs } from '../platform/core/time.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { resourceKinds } from '../protocols/declaration/served.js'
import { RequestError } from '../support/errors.js'
import type { Logger } from '../support/log.js'
import { about, annotationsOf } from './about.js'
import { Chunks, chunkMemory } from './chunks.js'
import type { ClockPair, KernelEvent, Moment } from './events.js'
import { openTraceFile } from './file.js'
import { openSession, type SessionPort } from './port.js'
import type { TraceMessage, TraceProgress } from './session.js'

/** Chunks of 8 MiB for records that wait for the session; unused memory is never touched. */
const CHUNKS = 4

const nowNs = (): number => Math.round(monotonicUs() * 1000)

export interface TraceOptions {
  /** Chunks of 8 MiB for messages that wait to be encoded; further messages are dropped and counted. Default 4. */
  chunks?: number
  /** Events of the guest's kernel will be passed to `kernel`. */
  withKernel?: boolean
}

/** Recorded messages, dropped messages, and why the trace ended early, if it did. */
export interface TraceStats extends TraceProgress {
  path: string
  /** Still recording. */
  recording: boolean
}

/** The part of a running server that a trace records. */
export interface Recorded {
  readonly platform: Platform
  readonly protocols: readonly Protocol[]
  readonly devices: readonly Device[]
  readonly faults: Faults
  readonly tap: Tap
  /** What the platform was made from. */
  readonly origin: PlatformOrigin
  /** Start of the platform, by its clock. */
  readonly startedUs: number
}

export class TraceRecorder {
  readonly path: string
  readonly #log: Logger
  readonly #memory: SharedArrayBuffer
  readonly #chunks: Chunks
  /** The messages that the session has not handled yet: whether each is a chunk. */
  readonly #unhandled: boolean[] = []
  readonly #ends: (() => void)[] = []
  #port: SessionPort | undefined
  #progress: TraceProgress = { messages: 0, lost: 0, bytes: 0 }
  #lost = 0
  #stopping: Promise<TraceStats> | undefined
  readonly #exit: Promise<void>
  #exited: () => void = () => {}

  private constructor(path: string, log: Logger, { chunks = CHUNKS }: TraceOptions) {
    this.path = path
    this.#memory = chunkMemory(chunks)
    this.#chunks = new Chunks(this.#memory, chunk => this.#post({ type: 'records', chunk, timeNs: nowNs() }))
    this.#log = log
    this.#exit = new Promise(resolve => {
      this.#exited = resolve
    })
  }

  /** Starts recording. Throws OperatorError if the file can't be written. */
  static async start(server: Recorded, path: string, log: Logger, options: TraceOptions = {}): Promise<TraceRecorder> {
    const recorder = new TraceRecorder(path, log, options)
    await recorder.#open(server, options.withKernel ?? false)
    recorder.#watch(server)
    log.info(`recording a trace to ${path}`)
    return recorder
  }

  get stats(): TraceStats {
    return { path: this.path, recording: this.#stopping === undefined, ...this.#progress, lost: this.#lost }
  }

  /** Adds kernel events with times of the guest's clock; the first call must give `clock`. */
  kernel(events: readonly KernelEvent[], clock?: ClockPair): void {
    if (!this.#stopping) this.#post({ type: 'kernel', clock, events })
  }

  /** Stops the trace. Resolves when the file is complete, or has failed. */
  stop(): Promise<TraceStats> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<TraceStats> {
    for (const end of this.#ends.splice(0)) end()
    this.#port?.hurry()
    this.#chunks.flush()
    this.#post({ type: 'end', lost: this.#chunks.untold, timeNs: nowNs() })
    await this.#exit
    const { messages, lost, error } = this.stats
    if (error === undefined) this.#log.info(`trace ${this.path}: ${messages} messages, ${lost} dropped`)
    return this.stats
  }

  async #open(server: Recorded, withKernel: boolean): Promise<void> {
    const { protocols, origin, devices, startedUs } = server
    const agents = devices.map(({ agent }) => agent.name)
    const realtimeNs = Date.now() * 1e6
    const start = {
      agents,
      about: annotationsOf(about(origin, agents, startedUs)),
      monotonicNs: nowNs(),
      realtimeNs,
      withKernel,
    }
    const fd = openTraceFile(this.path)
    try {
      this.#port = await openSession({
        fd,
        start,
        protocols,
        plugins: origin.plugins,
        memory: this.#memory,
        onProgress: progress => this.#onProgress(progress),
        onExit: error => this.#onSessionExit(error),
      })
    } catch (error) {
      closeSync(fd)
      throw error
    }
    if (this.#progress.error === undefined) return
    await this.stop()
    throw new RequestError('RESOURCE_EXHAUSTED', `${this.path}: ${this.#progress.error}`)
  }

  #watch(server: Recorded): void {
    this.#ends.push(
      server.tap.listen(
        records => this.#record(records),
        () => this.#chunks.hasRoom,
      ),
    )
    server.devices.forEach((device, index) => {
      const onChange = (name: string): void => {
        const annotations = name.startsWith('driver') ? driverAnnotations(device) : {}
        this.#moment({ category: 'driver', name, timeNs: nowNs(), device: index, annotations })
      }
      device.on('change', onChange)
      this.#ends.push(() => device.off('change', onChange))
      // A driver is already running: the trace begins in the middle of its life.
      if (device.driverRuns) onChange('driver running')
    })
    const agents = server.devices.map(({ agent }) => agent.name)
    const onHit = ({ id, rule, agent, header }: FaultHit): void => {
      // The time of the batch, which is the arrival time if this is a command.
      const timeNs = Math.round(server.platform.time.nowUs * 1000)
      const text = JSON.stringify(rule, (_, value) => (typeof value === 'bigint' ? String(value) : value))
      const executed = rule.execute ?? !(rule.drop || rule.break || rule.status !== undefined)
      const annotations = { rule: text, on: rule.on ?? 'response', executed: executed ? 1 : 0, header }
      const device = agents.indexOf(agent)
      this.#moment({ category: 'fault', name: `fault rule ${id}`, timeNs, device, header, annotations })
    }
    server.faults.on('hit', onHit)
    this.#ends.push(() => server.faults.off('hit', onHit))
    this.#sample(server)
  }

  /** Records values of resources: on events of models, and of sensors at intervals. */
  #sample({ platform, protocols }: Recorded): void {
    const resources = new Resources(platform, resourceKinds(protocols))
    const places = resources.select([])
    const indexes = new Map(places.map((place, i) => [place, i]))
    const quantities = places.map(({ group, resource, property: { name, unit, type } }) => ({
      kind: group.kind,
      name: resource.name === '' ? name : `${resource.name}.${name}`,
      ...(unit ? { unit: unit.name } : {}),
      isText: type === 'text',
    }))
    this.#post({ type: 'quantities', quantities })
    const watcher = resources.watch([], {
      ready: () => !this.#chunks.isBusy,
      onReadings: readings => {
        const samples = readings.flatMap(({ place, value }) =>
          value === undefined
            ? []
            : { quantity: indexes.get(place)!, value: typeof value === 'boolean' ? Number(value) : value },
        )
        this.#post({ type: 'samples', samples, timeNs: Math.round(platform.time.nowUs * 1000) })
      },
    })
    this.#ends.push(() => watcher.close())
  }

  #record(records: TapRecords): void {
    const lost = this.#chunks.add(records)
    if (lost === 0) return
    if (this.#lost === 0)
      this.#log.warn(`trace ${this.path}: messages come faster than they can be recorded; some are dropped`)
    this.#lost += lost
  }

  #moment(moment: Moment): void {
    this.#post({ type: 'moment', moment })
  }

  #post(message: TraceMessage): void {
    this.#unhandled.push(message.type === 'records')
    this.#port?.post(message)
  }

  #onProgress(progress: TraceProgress): void {
    if (this.#unhandled.shift()) this.#chunks.returned()
    this.#progress = progress
    if (progress.error !== undefined) this.#fail(progress.error)
  }

  #onSessionExit(error: Error | undefined): void {
    if (error) this.#fail(error.message)
    this.#exited()
  }

  /** Ends the trace after an error; the file keeps what was written. */
  #fail(reason: string): void {
    this.#progress.error = reason
    if (this.#stopping || !this.#port) return
    const { messages } = this.#progress
    this.#log.error(`trace ${this.path}: ${reason}; it ends here, with ${messages} messages`)
    void this.stop()
  }
}

/** What a replay has to know of the driver: what its answers depend on. */
function driverAnnotations({ agent: { shared }, events }: Device): Record<string, number> {
  const has = (what: unknown): number => (what ? 1 : 0)
  return { event_queue: has(events.available), ...(shared ? { shared_memory: has(shared.view) } : {}) }
}
