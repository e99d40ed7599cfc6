/**
 * How many there can be of what a platform file lists: as many as agents can be told of. Each limit is the width of the
 * field that counts them (SCMI v3.2), unless it says otherwise. Lists in several parts tell how many are left, which is
 * what limits these: after the first part, at least one entry less than there are.
 */
const BITS_6 = 0x3f
const BITS_8 = 0xff
const BITS_16 = 0xffff

export const LIMITS = {
  /** Base PROTOCOL_ATTRIBUTES, num_agents (§4.2.2.2). */
  agents: BITS_8,
  /** PROTOCOL_ATTRIBUTES, number of power domains (§4.3.2.2). */
  powerDomains: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of performance domains: the power unit is told in the bits above (§4.5.3.2). */
  perfDomains: BITS_16,
  /** What Linux takes; 6.12 takes 32. PERFORMANCE_DESCRIBE_LEVELS could tell more. */
  perfLevels: 64,
  /** PROTOCOL_ATTRIBUTES, number of clocks: what may be pending is told in the bits above (§4.6.2.2). */
  clocks: BITS_16,
  /** CLOCK_DESCRIBE_RATES, rates that are left (§4.6.2.5). */
  clockRates: BITS_16,
  /** CLOCK_POSSIBLE_PARENTS_GET, parents that are left. */
  clockParents: BITS_8,
  /** PROTOCOL_ATTRIBUTES, number of sensors (§4.7.2.2). */
  sensors: BITS_16,
  /** SENSOR_DESCRIPTION_GET, number of trip points (§4.7.2.5). */
  tripPoints: BITS_8,
  /** SENSOR_DESCRIPTION_GET, number of axes (§4.7.2.5). */
  axes: BITS_6,
  /** SENSOR_LIST_UPDATE_INTERVALS, intervals that are left (§4.7.2.10). */
  updateIntervals: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of reset domains (§4.8.2.2). */
  resets: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of voltage domains (§4.9.2.2). */
  voltages: BITS_16,
  /** VOLTAGE_DESCRIBE_LEVELS, levels that are left (§4.9.2.5). */
  voltageLevels: BITS_16,
  /** PROTOCOL_ATTRIBUTES, number of powercap domains (§4.10.3.2). */
  powercaps: BITS_16,
  /** PROTOCOL_ATTRIBUTES, numbers of pins, groups and functions (§4.11.2.2). */
  pins: BITS_16,
  pinGroups: BITS_16,
  pinFunctions: BITS_16,
  /** PINCTRL_ATTRIBUTES, pins of a group, groups or pins of a function (§4.11.2.5). */
  pinMembers: BITS_16,
} as const

/** What times and powers have on the wire, in microseconds and so on. */
export const U32_MAX = 0xffff_ffff
