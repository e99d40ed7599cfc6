/** What traces are made of besides messages: who records hands it to the encoder. Times are nanoseconds. */
import type { Annotated } from './annotations.js'

/** The guest's clock: numbers from 64 to 127 are clocks of the writer's own. */
export const KERNEL_CLOCK = 64

/** What an event is, for readers: its first category. */
export type Category =
  | 'trace'
  | 'command'
  | 'delayed response'
  | 'notification'
  | 'driver'
  | 'fault'
  | 'lost'
  | 'value'
  /** What the guest's kernel did. */
  | 'kernel'

export interface TraceStart {
  /** Names, in the order of their devices. */
  agents: readonly string[]
  /** What readers of the trace want to know of its origin. */
  about: Readonly<Record<string, Annotated>>
  /** The same moment by two clocks, in nanoseconds. */
  monotonicNs: number
  realtimeNs: number
  /** Whether the events of the guest's kernel will join in: then arrows can lead to every command. */
  withKernel: boolean
}

/** Something that happens at a moment. */
export interface Moment {
  category: Category
  name: string
  timeNs: number
  /** Index of the device it happens to; none: to the platform. */
  device?: number
  /** Header of the message that it is about. */
  header?: number
  annotations?: Readonly<Record<string, Annotated>>
}

/** A property of a resource, whose values are to be recorded. */
export interface TracedProperty {
  /** Of the resource: `clock`. */
  kind: string
  name: string
  unit?: string
  /** Values are words, which are shown as they are. */
  isText: boolean
}

export interface Sample {
  /** Index of the quantity. */
  quantity: number
  value: number | string
}

/** Something that the guest's kernel did. Its times are those of its own clock: see `kernelClock`. */
export interface KernelEvent {
  name: string
  protocolId: number
  timeNs: number
  /** Of what lasts. */
  endNs?: number
  /** The command that it made, by its arrival at the device and its token. */
  command?: { arrivedNs: number; token: number }
  values: Readonly<Record<string, Annotated>>
}

/** The same moment by the guest's clock and by CLOCK_MONOTONIC here, and how wrong that can be, in nanoseconds. */
export interface ClockPair {
  guestNs: number
  hostNs: number
  errorNs: number
}
