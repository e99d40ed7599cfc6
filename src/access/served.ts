/** What the ways in see of a running server, and may do with it. */
import type { Device } from '../device/device.js'
import type { Endpoint } from '../device/endpoint.js'
import type { Stats } from '../device/stats.js'
import type { Keeper } from '../state/keeper.js'
import type { Recorded, TraceRecorder } from '../trace/recorder.js'

export interface Served extends Recorded {
  /** The first agent's device: the one there is, on most platforms. */
  readonly device: Device
  /** Where each agent's front end comes from, in the order of the devices. */
  readonly endpoints: readonly Endpoint[]
  /** The trace that is being recorded, or was last. */
  readonly trace: TraceRecorder | undefined
  /** Keeps the platform's state, if that was wanted. */
  readonly keeper: Keeper | undefined
  /** Records all messages to a file. Throws OperatorError if it can't be written, RequestError if a trace is being recorded. */
  startTrace(path: string): Promise<TraceRecorder>
  /** What each agent's device has done so far. */
  stats(): Stats[]
}
