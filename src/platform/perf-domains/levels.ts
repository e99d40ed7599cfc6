/** The levels of a performance domain, as its configuration describes them. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { U32_MAX } from '../core/count-limits.js'
import { listOfValues, mustName } from '../core/oddities.js'
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

const HZ_PER_KHZ = 1000

/** A level that can be sustained. Either can be 0: firmware does not tell it. */
export interface Sustained {
  readonly level: number
  readonly khz: number
}

/** Throws ConfigError within `at`. */
export function sustainedOf(config: DomainConfig, at: ConfigPath): Sustained {
  const level = config.sustained_level ?? Math.max(...config.levels.map(({ level }) => level))
  if (level === 0) mustName(config, 'zero_sustained', [...at, 'sustained_level'], 'the sustained level is 0')
  const hz = config.sustained_frequency ?? (level === 0 ? 0 : frequencyOf(config, level, at))
  const place = [...at, 'sustained_frequency']
  if (hz === 0) {
    mustName(config, 'zero_sustained', place, 'the sustained frequency is 0')
    return { level, khz: 0 }
  }
  const khz = toKhz(hz, place)
  // Without indexing Linux multiplies levels by this quotient to get Hz.
  if (!config.level_indexing && level > 0 && hz % level !== 0) {
    mustName(config, 'fractional_sustained', place, `${hz} Hz is not a multiple of level ${level}`)
  }
  return { level, khz }
}

function frequencyOf({ levels }: DomainConfig, level: number, at: ConfigPath): number {
  const hz = levels.find(other => other.level === level)?.frequency
  if (hz !== undefined) return hz
  throw new ConfigError(at, 'a domain needs a sustained_frequency, or a frequency at its sustained level')
}

/** The levels in the order of the file. Throws ConfigError within `at`. */
export function levelsOf(config: DomainConfig, sustained: Sustained, at: ConfigPath): PerfLevel[] {
  const { told } = listOfValues(
    config,
    'level',
    config.levels.map(({ level }) => level),
    [...at, 'levels'],
  )
  const levels = config.levels.map((level, i) => levelOf(config, level, i, sustained, [...at, 'levels', i]))
  const indexes = new Set<number>()
  for (const [i, { index }] of levels.entries()) {
    if (indexes.has(index)) throw new ConfigError([...at, 'levels', i], `two levels have the index ${index}`)
    indexes.add(index)
  }
  if (config.level_indexing) checkFrequencies(levels, told, at)
  return levels
}

function levelOf(
  config: DomainConfig,
  { level, power, latency, frequency, voltage, index }: DomainConfig['levels'][number],
  position: number,
  sustained: Sustained,
  at: ConfigPath,
): PerfLevel {
  if (power === 0) mustName(config, 'zero_power', [...at, 'power'], 'the power is 0')
  const hz = frequency ?? Math.round(khzOf(level, sustained)) * HZ_PER_KHZ
  const frequencyKhz = toKhz(hz, [...at, 'frequency'])
  return { level, power, latencyUs: latency, frequencyKhz, microvolts: voltage, index: index ?? position }
}

/** In proportion to the sustained level; without one Linux takes levels for kHz. */
function khzOf(level: number, sustained: Sustained): number {
  return sustained.level === 0 || sustained.khz === 0 ? level : (sustained.khz * level) / sustained.level
}

function toKhz(hz: number, at: ConfigPath): number {
  const khz = hz / HZ_PER_KHZ
  if (!Number.isInteger(khz) || khz < 1 || khz > U32_MAX) {
    throw new ConfigError(at, `${hz} Hz is not a frequency that SCMI can carry; write whole kHz, at least 1`)
  }
  return khz
}

/** With level indexing Linux tells levels apart by their frequencies, and skips repeated ones. */
function checkFrequencies(levels: readonly PerfLevel[], told: readonly number[], at: ConfigPath): void {
  const ascending = [...levels].sort((a, b) => a.level - b.level)
  for (const [i, { level, frequencyKhz }] of ascending.entries()) {
    const below = ascending[i - 1]
    if (!below || below.level === level || below.frequencyKhz < frequencyKhz) continue
    const message = `the frequency of level ${level} must be above that of ${below.level}`
    throw new ConfigError([...at, 'levels', told.indexOf(level)], message)
  }
}
