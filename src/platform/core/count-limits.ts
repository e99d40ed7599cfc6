/**
 * The most entries that each list of a platform file can have: what SCMI messages can count. Each limit is the width of
 * the counting field (SCMI v3.2) unless the comment says otherwise. Lists that are sent in parts are limited by the
 * field that counts what remains after the first part, which holds at least one entry.
 */
const BITS_6 = 0x3f
const BITS_8 = 0xff
const BITS_16 = 0xffff

export const LIMITS = {
  /** Base PROTOCOL_ATTRIBUTES, num_agents (§4.2.2.2). */
  agents: BITS_8,
  /** PROTOCOL_ATTRIBUTES, number of power domains (§4.3.2.2). */
  powerDomains: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of performance domains; the bits above hold the power unit (§4.5.3.2). */
  perfDomains: BITS_16,
  /** What Linux takes; 6.12 takes 32. PERFORMANCE_DESCRIBE_LEVELS could carry more. */
  perfLevels: 64,
  /**
   * PROTOCOL_ATTRIBUTES, number of clocks; the bits above hold the number of pending asynchronous changes (§4.6.2.2).
   */
  clocks: BITS_16,
  /** CLOCK_DESCRIBE_RATES, remaining rates (§4.6.2.5). */
  clockRates: BITS_16,
  /** CLOCK_POSSIBLE_PARENTS_GET, remaining parents. */
  clockParents: BITS_8,
  /** PROTOCOL_ATTRIBUTES, number of sensors (§4.7.2.2). */
  sensors: BITS_16,
  /** SENSOR_DESCRIPTION_GET, number of trip points (§4.7.2.5). */
  tripPoints: BITS_8,
  /** SENSOR_DESCRIPTION_GET, number of axes (§4.7.2.5). */
  axes: BITS_6,
  /** SENSOR_LIST_UPDATE_INTERVALS, remaining intervals (§4.7.2.10). */
  updateIntervals: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of reset domains (§4.8.2.2). */
  resets: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of voltage domains (§4.9.2.2). */
  voltages: BITS_16,
  /** VOLTAGE_DESCRIBE_LEVELS, remaining levels (§4.9.2.5). */
  voltageLevels: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of powercap domains (§4.10.3.2). */
  powercaps: BITS_16,
  /** PROTOCOL_ATTRIBUTES, numbers of pins, groups and functions (§4.11.2.2). */
  pins: BITS_16,
  pinGroups: BITS_16,
  pinFunctions: BITS_16,
  /** PINCTRL_ATTRIBUTES, pins of a group, groups or pins of a function (§4.11.2.5). */
  pinMembers: BITS_16,
  /** TELEMETRY_DE_DESCRIPTION, remaining data events (SCMI 4.0). */
  dataEvents: BITS_16,
  /** TELEMETRY_DE_ENABLED_LIST, remaining groups (SCMI 4.0). */
  dataEventGroups: BITS_16,
} as const

/** Times, powers and other quantities have 32 bits on the wire. */
export const U32_MAX = 0xffff_ffff
