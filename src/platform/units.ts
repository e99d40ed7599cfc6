/**
 * Numbers with units, as people write and read them; and the kinds of values in a platform file that YAML has no type for:
 * frequencies, durations, names.
 */
import { z } from 'zod'
import { show } from './config-error.js'

const FREQUENCIES = { Hz: 1, kHz: 1e3, MHz: 1e6, GHz: 1e9 }
const TIMES = { us: 1, ms: 1e3, s: 1e6 }
const LONG_TIMES = { min: 60e6, h: 3600e6 }
const VOLTAGES = { uV: 1, mV: 1e3, V: 1e6 }
const POWERS = { uW: 1, mW: 1e3, W: 1e6 }

/** What a number counts. */
export interface Unit {
  /** As it is printed: `V`. */
  readonly name: string
  /** Names of the sizes that it is printed in, such as `mV`, ascending. */
  readonly sizes: Readonly<Record<string, number>>
  /** The size of the unit itself. */
  readonly one: number
  /** What people may write, too. */
  readonly spellings: Readonly<Record<string, number>>
}

function unitOf(sizes: Record<string, number>, name: string, spellings: Record<string, number> = {}): Unit {
  return { name, sizes, one: sizes[name] ?? 1, spellings }
}

export const HERTZ = unitOf(FREQUENCIES, 'Hz')
export const SECONDS = unitOf(TIMES, 's', LONG_TIMES)
export const VOLTS = unitOf(VOLTAGES, 'V')
export const WATTS = unitOf(POWERS, 'W')
export const PERCENT = unitOf({ '%': 1 }, '%')
const CELSIUS = unitOf({ '°C': 1 }, '°C', { C: 1 })
const AMPERES = unitOf({ uA: 1, mA: 1e3, A: 1e6 }, 'A')
const JOULES = unitOf({ uJ: 1, mJ: 1e3, J: 1e6, kJ: 1e9 }, 'J')

const MEASURED: Readonly<Record<string, Unit>> = {
  celsius: CELSIUS,
  fahrenheit: unitOf({ '°F': 1 }, '°F', { F: 1 }),
  kelvin: unitOf({ K: 1 }, 'K'),
  volt: VOLTS,
  ampere: AMPERES,
  watt: WATTS,
  joule: JOULES,
  hertz: HERTZ,
  second: SECONDS,
  percent: PERCENT,
}

/** The unit that a type of sensor measures in, by the type's name; undefined: plain numbers. */
export function measuredUnit(sensorType: string): Unit | undefined {
  if (sensorType === 'none' || sensorType === 'unspecified') return undefined
  return MEASURED[sensorType] ?? unitOf({ [sensorType]: 1 }, sensorType)
}

const NUMBER = /^([+-]?(?:[0-9][0-9_]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?) ?(\D*)$/

/** The number of `unit` that a text such as `85C`, `1.2 GHz` or `24e6` says; undefined: it says none. */
export function parseQuantity(text: string, unit: Unit | undefined): number | undefined {
  const [, digits, name] = NUMBER.exec(text.trim()) ?? []
  if (digits === undefined || name === undefined) return undefined
  const number = Number(digits.replaceAll('_', ''))
  if (name === '') return number
  if (!unit) return undefined
  const size = { ...unit.sizes, ...unit.spellings }[name.replace(/^[µμ]/, 'u')]
  return size === undefined ? undefined : rounded((number * size) / unit.one)
}

/** `24 MHz`; a plain number if there is no unit. */
export function formatQuantity(value: number, unit: Unit | undefined): string {
  if (!unit) return String(rounded(value))
  const total = value * unit.one
  const fitting = Object.entries(unit.sizes).findLast(([, size]) => Math.abs(total) >= size * (1 - 1e-12))
  const [name, size] = value === 0 ? [unit.name, unit.one] : (fitting ?? Object.entries(unit.sizes)[0]!)
  return `${rounded(total / size)} ${name}`
}

/** What a unit can be written as, for errors. */
export function spellingsOf(unit: Unit): string[] {
  return Object.keys({ ...unit.sizes, ...unit.spellings })
}

/** Without the last digits, which are those of binary fractions. */
function rounded(value: number): number {
  return Number(value.toPrecision(12))
}

interface Quantity {
  /** With its article, as it stands in messages. */
  name: string
  /** Plural of the unit that a plain number has, and that the value has after parsing. */
  base: string
  /** Size of each unit in the base unit. */
  units: Record<string, number>
  example: string
  /** Whether it can be below zero. */
  signed?: boolean
  /** Whether a plain number will not do. */
  unitNeeded?: boolean
}

/** A quantity as a whole number of its base unit, from a plain number or a text with a unit. */
function quantity({ name, base, units, example, signed, unitNeeded }: Quantity): z.ZodType<number> {
  const sign = signed ? '-?' : ''
  const pattern = `^${sign}[0-9][0-9_]*(\\.[0-9]+)? ?(${Object.keys(units).join('|')})${unitNeeded ? '' : '?'}$`
  const syntax = new RegExp(pattern)
  const plain = unitNeeded ? '' : `a number of ${base} or `
  const notOne = (input: unknown) => `${show(input)} is not ${name}; write ${plain}e.g. "${example}"`
  const text = z.string().meta({ pattern })
  const number = signed ? z.number() : z.number().nonnegative()
  return z
    .union(unitNeeded ? [text] : [number, text], { error: issue => notOne(issue.input) })
    .meta({
      description: `${plain ? `A number of ${base}, or a` : 'A'} number with a unit: ${Object.keys(units).join(', ')}`,
    })
    .transform((input, context) => {
      const match = syntax.exec(String(input))
      const exact = match
        ? Number.parseFloat(match[0].replaceAll('_', '')) * (units[match[2] ?? ''] ?? 1)
        : Number(input)
      const value = Math.round(exact)
      let problem: string | undefined
      if (typeof input === 'string' && !match) problem = notOne(input)
      else if (Math.abs(value) > Number.MAX_SAFE_INTEGER) problem = `${input} is too much; at most 2^53 ${base}`
      // 0.032768 MHz is not exactly 32768 Hz in binary, 1.5 Hz is not meant.
      else if (Math.abs(exact - value) > 1e-9 * Math.abs(value)) problem = `${input} is not a whole number of ${base}`
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input })
      return value
    })
}

/** Hz; a plain number is Hz. */
export const frequency = quantity({
  name: 'a frequency',
  base: 'Hz',
  units: FREQUENCIES,
  example: '24 MHz',
})

/** Microseconds; a plain number is microseconds. */
export const duration = quantity({
  name: 'a duration',
  base: 'microseconds',
  units: { ...TIMES, ...LONG_TIMES },
  example: '5 ms',
})

/** Microvolts; a plain number is microvolts. */
export const voltage = quantity({
  name: 'a voltage',
  base: 'microvolts',
  units: VOLTAGES,
  example: '900 mV',
  signed: true,
})

/** Microwatts, always with a unit: plain numbers of power are in a unit that the resource names. */
export const power = quantity({
  name: 'a power',
  base: 'microwatts',
  units: POWERS,
  example: '2.5 W',
  unitNeeded: true,
})

/** The name of a resource: up to 63 characters; what exceeds 15 needs the extended name commands. */
export const resourceName = z.string().regex(/^[ -~]{1,63}$/, {
  error: ({ input }) => `${show(input)} is not a name; write 1 to 63 printable ASCII characters`,
})
