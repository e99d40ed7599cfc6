/** The levels of a performance domain, as its configuration describes them. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { U32_MAX } from '../core/count-limits.js'
import type { DomainConfig } from './config.js'

export interface PerfLevel {
  /** Performance as an abstract number, 1 and up. */
  readonly level: number
  /** The number that agents use for it in domains with level indexing. */
  readonly index: number
  /** In the power unit of the domain. */
  readonly power: number
  readonly latencyUs: number
  readonly frequencyKhz: number
  /** Microvolts for the domain's voltage domain. */
  readonly microvolts: number | undefined
}

interface Sustained {
  level: number
  khz: number
}

function toKhz(hz: number, at: ConfigPath): number {
  const khz = hz / 1000
  if (!Number.isInteger(khz) || khz < 1 || khz > U32_MAX) {
    throw new ConfigError(at, `${hz} Hz is not a frequency that SCMI can carry; write whole kHz, at least 1`)
  }
  return khz
}

export function sustainedOf(config: DomainConfig, at: ConfigPath): Sustained {
  const level = config.sustained_level ?? Math.max(...config.levels.map(({ level }) => level))
  const hz = config.sustained_frequency ?? config.levels.find(other => other.level === level)?.frequency
  if (hz === undefined) {
    throw new ConfigError(at, 'a domain needs a sustained_frequency, or a frequency at its sustained level')
  }
  const khz = toKhz(hz, [...at, 'sustained_frequency'])
  // Without indexing Linux multiplies levels by this quotient to get Hz, and warns unless it is whole.
  if (!config.level_indexing && (khz * 1000) % level !== 0) {
    throw new ConfigError([...at, 'sustained_frequency'], `${khz * 1000} Hz is not a multiple of level ${level}`)
  }
  return { level, khz }
}

/** The levels, ascending. They must differ in level, index and, with indexing, frequency: Linux skips repeated ones. */
export function levelsOf(config: DomainConfig, sustained: Sustained, at: ConfigPath): PerfLevel[] {
  const sorted = [...config.levels].sort((a, b) => a.level - b.level)
  const levels = sorted.map(({ level, power, latency, frequency, voltage, index }, position): PerfLevel => {
    const hz = frequency ?? Math.round((sustained.khz * level) / sustained.level) * 1000
    const place = [...at, 'levels', config.levels.findIndex(other => other.level === level)]
    return {
      level,
      power,
      latencyUs: latency,
      frequencyKhz: toKhz(hz, [...place, 'frequency']),
      microvolts: voltage,
      index: index ?? position,
    }
  })
  levels.forEach(({ level, index, frequencyKhz }, i) => {
    const below = levels[i - 1]
    if (below?.level === level) throw new ConfigError([...at, 'levels'], `level ${level} is listed twice`)
    if (levels.findIndex(other => other.index === index) !== i) {
      throw new ConfigError([...at, 'levels'], `two levels have the index ${index}`)
    }
    if (config.level_indexing && below && below.frequencyKhz >= frequencyKhz) {
      throw new ConfigError([...at, 'levels'], `the frequency of level ${level} must be above that of ${below.level}`)
    }
  })
  return levels
}
