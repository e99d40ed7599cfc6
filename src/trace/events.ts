/** Events of a trace besides messages, as the recorder passes them to the encoder. Times are nanoseconds. */
import type { Annotated } from './annotations.js'

/** Id of the guest's clock: Perfetto leaves 64 to 127 to the writer. */
export const KERNEL_CLOCK = 64

/** First category of an event, which tells readers what it is. */
export type Category =
  | 'trace'
  | 'command'
  | 'delayed response'
  | 'notification'
  | 'fast channel'
  | 'driver'
  | 'fault'
  | 'lost'
  | 'value'
  /** What the guest's kernel did. */
  | 'kernel'

export interface TraceStart {
  /** Names of the agents, in the order of their devices. */
  agents: readonly string[]
  /** The origin of the trace, for readers. */
  about: Readonly<Record<string, Annotated>>
  /** The same moment by two clocks, in nanoseconds. */
  monotonicNs: number
  realtimeNs: number
  /** Events of the guest's kernel will follow, so that every command needs a flow id. */
  withKernel: boolean
}

/** An instant. */
export interface Moment {
  category: Category
  name: string
  timeNs: number
  /** Index of its device; undefined: the platform. */
  device?: number
  /** Header of the message that it is about. */
  header?: number
  annotations?: Readonly<Record<string, Annotated>>
}

/** A property of a resource whose values are recorded. */
export interface TracedProperty {
  /** Kind of the resource: `clock`. */
  kind: string
  name: string
  unit?: string
  /** Values are text, shown as they are. */
  isText: boolean
}

export interface Sample {
  /** Index of the property. */
  quantity: number
  value: number | string
}

/** An event of the guest's kernel. Its times are those of its own clock: see `kernelClock`. */
export interface KernelEvent {
  name: string
  protocolId: number
  timeNs: number
  /** End of an event that lasts. */
  endNs?: number
  /** The command that it sent, by arrival time and token. */
  command?: { arrivedNs: number; token: number }
  values: Readonly<Record<string, Annotated>>
}

/** The same moment by the guest's clock and by CLOCK_MONOTONIC here, with the possible error, in nanoseconds. */
export interface ClockPair {
  guestNs: number
  hostNs: number
  errorNs: number
}
