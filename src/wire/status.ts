/** SCMI status codes: the signed word that opens every reply and delayed response (SCMI v3.2 §4.1.4). */

export const SUCCESS = 0
/** Protocol not implemented, or the optional feature that a message asks for not offered. */
export const NOT_SUPPORTED = -1
/** Malformed argument: reserved bits, reserved enum value, impossible combination. */
export const INVALID_PARAMETERS = -2
/** The agent may not do this, or the platform's state forbids it now. */
export const DENIED = -3
/** No such domain, clock, sensor, agent or message for this agent. */
export const NOT_FOUND = -4
/** Well-formed value outside the supported range. */
export const OUT_OF_RANGE = -5
/** Temporarily unable: too many asynchronous commands under way. */
export const BUSY = -6
/** The transport cannot carry this: the reply does not fit the buffer that the agent supplied. */
export const COMMS_ERROR = -7
export const GENERIC_ERROR = -8
export const HARDWARE_ERROR = -9
/** The message breaks the protocol's framing: wrong payload length, illegal type. */
export const PROTOCOL_ERROR = -10
/** Pin control only: the pin or group is held by another agent. */
export const IN_USE = -11

/** The spec's names; that of status -n is the n-th. */
export const STATUS_NAMES = [
  'SUCCESS',
  'NOT_SUPPORTED',
  'INVALID_PARAMETERS',
  'DENIED',
  'NOT_FOUND',
  'OUT_OF_RANGE',
  'BUSY',
  'COMMS_ERROR',
  'GENERIC_ERROR',
  'HARDWARE_ERROR',
  'PROTOCOL_ERROR',
  'IN_USE',
] as const

/** The spec's name of a status, for logs and tests; numbers it does not name are given as they are. */
export function statusName(status: number): string {
  return STATUS_NAMES[-status] ?? String(status)
}
