/**
 * Messages between page and device on the page's socket: one JSON value each. Types only; they carry the operations'
 * requests and replies.
 */
import type * as shape from '../operations/shapes.js'

/** From the device. */
export type FromDevice = Hello | Tick | Answer

/** First message: the platform. */
export interface Hello {
  type: 'hello'
  description: shape.Description
  /** Zero of message times, which are CLOCK_MONOTONIC, in milliseconds since 1970. */
  epochMs: number
  /** Rate limit of messages for a page. */
  messagesPerSecond: number
}

/** Several times a second: updates. */
export interface Tick {
  type: 'tick'
  /** Milliseconds since 1970. */
  timeMs: number
  /** New or changed values. */
  values?: ShownValue[]
  messages?: shape.MessageEntry[]
  /** Messages that pass the filter but exceed the rate limit. */
  omitted?: number
  /** At first, and when they changed. */
  faults?: shape.FaultEntry[]
  /** Once a second. */
  agents?: shape.AgentStats[]
  /** Together with `agents`: names of the agents with a connected front end. */
  connected?: string[]
}

/** Address of the property, its text, and its number if it has one. */
export type ShownValue = [address: string, shown: string, number?: number]

/** Result of a request; `error` is one line for the user. */
export interface Answer {
  type: 'answer'
  id: number
  error?: string
  /** Agents that got an event because of it, for requests that can cause events. */
  notified?: string[]
}

/** Requests of pages, by operation. */
export interface Requests {
  set: shape.SetRequest
  notify: shape.NotifyRequest
  requestPower: shape.PowerRequest
  addFault: { rule: shape.Struct }
  releaseFault: { id: number }
  removeFault: { id: number }
}

/** Requests get an answer; `show` sets the message filter from now on, null: no messages. */
export type FromPage =
  | { op: 'show'; filter: shape.MessageFilter | null }
  | { op: keyof Requests; id: number; request: Requests[keyof Requests] }
