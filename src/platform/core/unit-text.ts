/** Units, and how people write and read numbers with units. Imports nothing: the page of the web view uses it too. */

/** A unit of measurement. */
export interface Unit {
  /** As printed: `V`. */
  readonly name: string
  /** Scaled units that it is printed in, such as `mV`, ascending. */
  readonly sizes: Readonly<Record<string, number>>
  /** The size of the unit without prefix. */
  readonly one: number
  /** Other spellings that are read. */
  readonly spellings: Readonly<Record<string, number>>
}

function unitOf(sizes: Record<string, number>, name: string, spellings: Record<string, number> = {}): Unit {
  return { name, sizes, one: sizes[name] ?? 1, spellings }
}

export const HERTZ = unitOf({ Hz: 1, kHz: 1e3, MHz: 1e6, GHz: 1e9 }, 'Hz')
export const SECONDS = unitOf({ us: 1, ms: 1e3, s: 1e6 }, 's', { min: 60e6, h: 3600e6 })
export const VOLTS = unitOf({ uV: 1, mV: 1e3, V: 1e6 }, 'V')
export const WATTS = unitOf({ uW: 1, mW: 1e3, W: 1e6 }, 'W')
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

/** Units that are printed without prefixes. */
const SYMBOLS: Readonly<Record<string, string>> = {
  kilopascal: 'kPa',
  pascal: 'Pa',
  newton: 'N',
  metre: 'm',
  radian: 'rad',
  farad: 'F',
  henry: 'H',
  ohm: 'Ω',
  siemens: 'S',
  decibel: 'dB',
  gram: 'g',
  radian_per_second: 'rad/s',
  radian_per_second_squared: 'rad/s²',
  metre_per_second: 'm/s',
  metre_per_second_squared: 'm/s²',
}

/** The unit of a sensor type, by the type's name; undefined: plain numbers. */
export function measuredUnit(sensorType: string): Unit | undefined {
  if (sensorType === 'none' || sensorType === 'unspecified') return undefined
  const symbol = SYMBOLS[sensorType] ?? sensorType
  return MEASURED[sensorType] ?? unitOf({ [symbol]: 1 }, symbol)
}

/** The unit of this `Unit.name`; undefined if the name is empty. */
export function unitNamed(name: string): Unit | undefined {
  if (name === '') return undefined
  return Object.values(MEASURED).find(unit => unit.name === name) ?? unitOf({ [name]: 1 }, name)
}

const NUMBER = /^([+-]?(?:[0-9][0-9_]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?) ?(\D*)$/

/** Reads `85C`, `1.2 GHz` or `24e6` as a number of `unit`; undefined if the text is not one. */
export function parseQuantity(text: string, unit: Unit | undefined): number | undefined {
  const [, digits, name] = NUMBER.exec(text.trim()) ?? []
  if (digits === undefined || name === undefined) return undefined
  const number = Number(digits.replaceAll('_', ''))
  if (name === '') return number
  if (!unit) return undefined
  const size = new Map(Object.entries({ ...unit.sizes, ...unit.spellings })).get(name.replace(/^[µμ]/, 'u'))
  return size === undefined ? undefined : rounded((number * size) / unit.one)
}

/** `24 MHz`; a plain number without unit. */
export function formatQuantity(value: number, unit: Unit | undefined): string {
  if (!unit) return String(rounded(value))
  const total = value * unit.one
  const fitting = Object.entries(unit.sizes).findLast(([, size]) => Math.abs(total) >= size * (1 - 1e-12))
  const [name, size] = value === 0 ? [unit.name, unit.one] : (fitting ?? Object.entries(unit.sizes)[0]!)
  return `${rounded(total / size)} ${name}`
}

/** The spellings of a unit, for errors. */
export function spellingsOf(unit: Unit): string[] {
  return Object.keys({ ...unit.sizes, ...unit.spellings })
}

/** Drops the last digits, which are rounding errors of binary fractions. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(12))
}
