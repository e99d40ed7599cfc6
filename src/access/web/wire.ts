/**
 * What the page and the device tell each other over the page's socket: one JSON value a message. Types only; what they
 * carry are the requests and replies of the operations.
 */
import type * as shape from '../operations/shapes.js'

/** From the device. */
export type FromDevice = Hello | Tick | Answer

/** First: what there is. */
export interface Hello {
  type: 'hello'
  description: shape.Description
  /** When times of messages, which are CLOCK_MONOTONIC, were zero: milliseconds since 1970. */
  epochMs: number
  /** A page is sent at most so many messages a second. */
  messagesPerSecond: number
}

/** Then, some times a second: what is new. */
export interface Tick {
  type: 'tick'
  /** Milliseconds since 1970. */
  timeMs: number
  /** Values that are new or have changed. */
  values?: ShownValue[]
  messages?: shape.MessageEntry[]
  /** Messages that the filter lets through and that are not among `messages`: there were too many. */
  omitted?: number
  /** At first, and when they have changed. */
  faults?: shape.FaultEntry[]
  /** Once a second. */
  agents?: shape.AgentStats[]
  /** With them: names of the agents whose front ends are connected. */
  connected?: string[]
}

/** By the property's address; the number of those that have one. */
export type ShownValue = [address: string, shown: string, number?: number]

/** How a request ended: with `error` if it was refused, in one line for the user. */
export interface Answer {
  type: 'answer'
  id: number
  error?: string
  /** Agents that were sent something because of it, where that can be. */
  notified?: string[]
}

/** What pages may ask for, by the operation's name. */
export interface Requests {
  set: shape.SetRequest
  notify: shape.NotifyRequest
  requestPower: shape.PowerRequest
  addFault: { rule: shape.Struct }
  releaseFault: { id: number }
  removeFault: { id: number }
}

/** From the page. Requests are answered; `show` says which messages to send from now on, null: none. */
export type FromPage =
  | { op: 'show'; filter: shape.MessageFilter | null }
  | { op: keyof Requests; id: number; request: Requests[keyof Requests] }
