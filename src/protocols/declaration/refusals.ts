/**
 * The order of checks: if several things are wrong with a message, the first one gives the status. dispatch.ts checks the
 * frame, handlers check the rest. A test makes every two mistakes in every command and compares the status.
 *
 * The spec names statuses for each command, but no order. This is the order of Arm's SCP-firmware and its compliance suite,
 * where these show one: malformed words, then permissions, then what the resource supports, then what may succeed later.
 */
import {
  BUSY,
  COMMS_ERROR,
  DENIED,
  IN_USE,
  INVALID_PARAMETERS,
  NOT_FOUND,
  NOT_SUPPORTED,
  OUT_OF_RANGE,
  PROTOCOL_ERROR,
} from '../../wire/status.js'

export interface Refusal {
  /** What is wrong. */
  wrong: string
  /** One of these is the status, the same one for all occasions in a command. */
  statuses: readonly number[]
}

/** In the order of checks. */
export const REFUSALS = {
  protocol: { wrong: 'The platform has no such protocol', statuses: [NOT_SUPPORTED] },
  message: {
    wrong: 'The protocol has no such message in this version; unknown_message of the platform file chooses',
    statuses: [NOT_FOUND, NOT_SUPPORTED],
  },
  type: { wrong: 'The header is not that of a command', statuses: [PROTOCOL_ERROR] },
  size: { wrong: 'The payload is too short or, without padding, too long', statuses: [PROTOCOL_ERROR] },
  room: { wrong: 'The reply buffer has no room for the fields that are always there', statuses: [COMMS_ERROR] },
  events: { wrong: 'A notification is asked for without an event queue', statuses: [NOT_SUPPORTED] },
  /** For requests with lists, whose size depends on their count. */
  count: { wrong: 'A list has fewer entries than the message counts', statuses: [PROTOCOL_ERROR] },
  /** A selector says of which kind an id is: nothing can be looked up without it. */
  selector: { wrong: 'A selector has no meaning', statuses: [INVALID_PARAMETERS] },
  /**
   * DENIED by the Base protocol's permissions comes at the look-up, whatever the command would do; so does a status of the
   * platform file (`answers`).
   */
  resource: {
    wrong: 'There is no such resource (Telemetry: INVALID_PARAMETERS), or it was denied to the agent',
    statuses: [NOT_FOUND, DENIED, INVALID_PARAMETERS],
  },
  malformed: {
    wrong: 'Reserved bits are set; a flag, mode or state has no meaning here; flags contradict each other',
    statuses: [INVALID_PARAMETERS],
  },
  forbidden: { wrong: 'The permissions of the resource forbid it', statuses: [DENIED] },
  unsupported: { wrong: 'The resource does not offer it', statuses: [NOT_SUPPORTED] },
  /** VALUES has the status for each command. */
  value: {
    wrong: 'A quantity, index or address is not among those that the resource has',
    statuses: [OUT_OF_RANGE, INVALID_PARAMETERS, NOT_FOUND],
  },
  state: { wrong: 'The resource is switched off', statuses: [PROTOCOL_ERROR, INVALID_PARAMETERS] },
  busy: { wrong: 'It is under way already, or another agent has it', statuses: [BUSY, IN_USE] },
} as const satisfies Record<string, Refusal>

export type RefusalName = keyof typeof REFUSALS

/**
 * The status for a value that the resource does not have, by command, and where it comes from: a test of the compliance
 * suite, or SCP-firmware; `own` where neither shows one. Commands that are left out have no such value.
 */
export const VALUES: Readonly<Record<string, { status: number; as: string }>> = {
  BASE_DISCOVER_LIST_PROTOCOLS: { status: INVALID_PARAMETERS, as: 'suite b008' },
  PERFORMANCE_DESCRIBE_LEVELS: { status: OUT_OF_RANGE, as: 'own; before 4.0 INVALID_PARAMETERS, suite d007' },
  PERFORMANCE_LIMITS_SET: { status: OUT_OF_RANGE, as: 'suite d010; a minimum above the maximum: INVALID_PARAMETERS' },
  PERFORMANCE_LEVEL_SET: { status: OUT_OF_RANGE, as: 'suite d014' },
  PERFORMANCE_DESCRIBE_FASTCHANNEL: { status: NOT_FOUND, as: 'own: a message that the protocol does not have' },
  CLOCK_DESCRIBE_RATES: { status: OUT_OF_RANGE, as: 'suite c007' },
  CLOCK_RATE_SET: { status: INVALID_PARAMETERS, as: 'suite c011' },
  CLOCK_POSSIBLE_PARENTS_GET: { status: OUT_OF_RANGE, as: 'own, as CLOCK_DESCRIBE_RATES' },
  CLOCK_PARENT_SET: { status: INVALID_PARAMETERS, as: 'own: a clock that cannot be its parent' },
  CLOCK_CONFIG_SET: { status: INVALID_PARAMETERS, as: 'own: a type that the clock lacks, a duty cycle out of range' },
  CLOCK_CONFIG_GET: { status: INVALID_PARAMETERS, as: 'own, as CLOCK_CONFIG_SET' },
  SENSOR_DESCRIPTION_GET: { status: INVALID_PARAMETERS, as: 'SCP-firmware' },
  SENSOR_TRIP_POINT_CONFIG: { status: INVALID_PARAMETERS, as: 'SCP-firmware, also without any trip point' },
  SENSOR_AXIS_DESCRIPTION_GET: { status: INVALID_PARAMETERS, as: 'SCP-firmware' },
  SENSOR_AXIS_NAME_GET: { status: INVALID_PARAMETERS, as: 'as SENSOR_AXIS_DESCRIPTION_GET' },
  SENSOR_LIST_UPDATE_INTERVALS: { status: INVALID_PARAMETERS, as: 'as SENSOR_DESCRIPTION_GET' },
  SENSOR_CONFIG_SET: { status: INVALID_PARAMETERS, as: 'own: no interval in the direction of rounding' },
  VOLTAGE_DESCRIBE_LEVELS: { status: OUT_OF_RANGE, as: 'SCP-firmware' },
  VOLTAGE_LEVEL_SET: { status: INVALID_PARAMETERS, as: 'SCP-firmware, for a list; beyond a range OUT_OF_RANGE, own' },
  POWERCAP_CAP_SET: { status: OUT_OF_RANGE, as: 'SCP-firmware' },
  POWERCAP_PAI_SET: { status: OUT_OF_RANGE, as: 'SCP-firmware' },
  POWERCAP_DESCRIBE_FASTCHANNEL: { status: NOT_FOUND, as: 'as PERFORMANCE_DESCRIBE_FASTCHANNEL' },
  POWERCAP_CPC_ATTRIBUTES: { status: OUT_OF_RANGE, as: 'formalisations of the SCMI 4.0 beta' },
  POWERCAP_CAI_SET: { status: OUT_OF_RANGE, as: 'as POWERCAP_PAI_SET' },
  PINCTRL_LIST_ASSOCIATIONS: { status: OUT_OF_RANGE, as: 'own, as CLOCK_DESCRIBE_RATES' },
  PINCTRL_SETTINGS_GET: { status: OUT_OF_RANGE, as: 'own: skips more than there are' },
  PINCTRL_SETTINGS_CONFIGURE: { status: OUT_OF_RANGE, as: 'own' },
  TELEMETRY_LIST_SHMTI: { status: OUT_OF_RANGE, as: 'as TELEMETRY_DE_DESCRIPTION' },
  TELEMETRY_DE_DESCRIPTION: { status: OUT_OF_RANGE, as: 'descriptions of the beta of SCMI 4.0' },
  TELEMETRY_LIST_UPDATE_INTERVALS: { status: OUT_OF_RANGE, as: 'as TELEMETRY_DE_DESCRIPTION' },
  TELEMETRY_DE_CONFIGURE: { status: OUT_OF_RANGE, as: 'as TELEMETRY_DE_DESCRIPTION: more than can be enabled' },
  TELEMETRY_DE_ENABLED_LIST: { status: OUT_OF_RANGE, as: 'as TELEMETRY_DE_DESCRIPTION; not index 0, own' },
  TELEMETRY_CONFIG_SET: { status: OUT_OF_RANGE, as: 'own: an interval that it lacks' },
}
