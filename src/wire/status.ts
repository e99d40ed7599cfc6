/** SCMI status codes: the first word of every reply and delayed response, signed (SCMI v3.2 §4.1.4). */

export const SUCCESS = 0
/** Protocol or optional feature not implemented. */
export const NOT_SUPPORTED = -1
/** Malformed argument: reserved bits, reserved enum value, impossible combination. */
export const INVALID_PARAMETERS = -2
/** The agent is not allowed to, or the platform's state forbids it now. */
export const DENIED = -3
/** Unknown domain, clock, sensor, agent or message for this agent. */
export const NOT_FOUND = -4
/** Well-formed value outside the supported range. */
export const OUT_OF_RANGE = -5
/** Temporary: too many pending asynchronous commands. */
export const BUSY = -6
/** Transport limit: the reply does not fit the agent's buffer. */
export const COMMS_ERROR = -7
export const GENERIC_ERROR = -8
export const HARDWARE_ERROR = -9
/** Broken framing: wrong payload length, illegal type. */
export const PROTOCOL_ERROR = -10
/** Another agent holds the pin or group; telemetry: it was enabled another way. */
export const IN_USE = -11
/** Telemetry, SCMI 4.0: some values are missing. */
export const PARTIAL_ERROR = -12

/** The spec's names; the name of status -n has index n. */
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
  'PARTIAL_ERROR',
] as const

/** The spec's name of a status, for logs and tests; unnamed ones are shown as numbers. */
export function statusName(status: number): string {
  return STATUS_NAMES[-status] ?? String(status)
}
