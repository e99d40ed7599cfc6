/** Kinds of values in a platform file that YAML has no type for: frequencies, durations, names. */
import { z } from 'zod'
import { show } from './config-error.js'
import { HERTZ, SECONDS, VOLTS, WATTS } from './unit-text.js'

interface Quantity {
  /** With its article, as it stands in messages. */
  name: string
  /** Plural of the unit that a plain number has, and that the value has after parsing. */
  base: string
  /** Size of each unit in the base unit. */
  units: Readonly<Record<string, number>>
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
      else if (Math.abs(value) > Number.MAX_SAFE_INTEGER) problem = `${show(input)} is too much; at most 2^53 ${base}`
      // 0.032768 MHz is not exactly 32768 Hz in binary, 1.5 Hz is not meant.
      else if (Math.abs(exact - value) > 1e-9 * Math.abs(value))
        problem = `${show(input)} is not a whole number of ${base}`
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input })
      return value
    })
}

/** Hz; a plain number is Hz. */
export const frequency = quantity({
  name: 'a frequency',
  base: 'Hz',
  units: HERTZ.sizes,
  example: '24 MHz',
})

/** Microseconds; a plain number is microseconds. */
export const duration = quantity({
  name: 'a duration',
  base: 'microseconds',
  units: { ...SECONDS.sizes, ...SECONDS.spellings },
  example: '5 ms',
})

/** Microvolts; a plain number is microvolts. */
export const voltage = quantity({
  name: 'a voltage',
  base: 'microvolts',
  units: VOLTS.sizes,
  example: '900 mV',
  signed: true,
})

/** Microwatts, always with a unit: plain numbers of power are in a unit that the resource names. */
export const power = quantity({
  name: 'a power',
  base: 'microwatts',
  units: WATTS.sizes,
  example: '2.5 W',
  unitNeeded: true,
})

/** The name of a resource: up to 63 characters; what exceeds 15 needs the extended name commands. */
export const resourceName = z.string().regex(/^[ -~]{1,63}$/, {
  error: ({ input }) => `${show(input)} is not a name; write 1 to 63 printable ASCII characters`,
})
