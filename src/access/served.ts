/** The part of a running server that control, web and metrics use. */
import type { Device } from '../device/device.js'
import type { Endpoint } from '../device/endpoint.js'
import type { Stats } from '../device/stats.js'
import type { Keeper } from '../state/keeper.js'
import type { Recorded, TraceRecorder } from '../trace/recorder.js'

export interface Served extends Recorded {
  /** The first agent's device; most platforms have one only. */
  readonly device: Device
  /** The endpoint of each agent's front end, in the order of the devices. */
  readonly endpoints: readonly Endpoint[]
  /** The current trace, or the last one. */
  readonly trace: TraceRecorder | undefined
  /** Present if state is persisted. */
  readonly keeper: Keeper | undefined
  /**
   * Records all messages to a file. Throws OperatorError if it can't be written, RequestError if a trace is being
   * recorded.
   */
  startTrace(path: string): Promise<TraceRecorder>
  /** Statistics of each agent's device. */
  stats(): Stats[]
}
