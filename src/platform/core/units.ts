/** Value types of a platform file that YAML lacks: frequencies, durations, names. */
import { z } from 'zod'
import { show } from './config-error.js'
import { HERTZ, SECONDS, VOLTS, WATTS } from './unit-text.js'

interface QuantityType {
  /** With its article, as used in messages. */
  name: string
  /** Plural of the base unit: plain numbers are in it, and so is the parsed value. */
  base: string
  /** Size of each unit in the base unit. */
  units: Readonly<Record<string, number>>
  example: string
  /** Negative values are allowed. */
  signed?: boolean
  /** Plain numbers without a unit are refused. */
  unitNeeded?: boolean
}

/** Schema of a quantity: a plain number or a text with a unit, parsed to a whole number of the base unit. */
function quantity({ name, base, units, example, signed, unitNeeded }: QuantityType): z.ZodType<number> {
  const sign = signed ? '-?' : ''
  const pattern = `^${sign}[0-9][0-9_]*(\\.[0-9]+)? ?(${Object.keys(units).join('|')})${unitNeeded ? '' : '?'}$`
  const syntax = new RegExp(pattern)
  const plain = unitNeeded ? '' : `a number of ${base} or `
  const notOne = (input: unknown) => `${show(input)} is not ${name}; write ${plain}e.g. "${example}"`
  const text = z.string().meta({ pattern })
  const number = signed ? z.number() : z.number().nonnegative()
  return z
    .union(unitNeeded ? [text] : [text, number], { error: issue => notOne(issue.input) })
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
      else if (Math.abs(value) > Number.MAX_SAFE_INTEGER) problem = `${show(input)} is too large; at most 2^53 ${base}`
      // 0.032768 MHz is not exactly 32768 Hz in binary and must be taken; 1.5 Hz must not.
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

/** Microwatts. A unit is required: the meaning of a plain number depends on the resource. */
export const power = quantity({
  name: 'a power',
  base: 'microwatts',
  units: WATTS.sizes,
  example: '2.5 W',
  unitNeeded: true,
})

/** The name of a resource: up to 63 characters. Names over 15 need the extended name commands. */
export const resourceName = z.string().regex(/^[ -~]{1,63}$/, {
  error: ({ input }) => `${show(input)} is not a name; write 1 to 63 printable ASCII characters`,
})
