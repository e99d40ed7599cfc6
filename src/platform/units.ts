/** Kinds of values in a platform file that YAML has no type for: frequencies, durations, names. */
import { z } from 'zod'

interface Quantity {
  /** With its article, as it stands in messages. */
  name: string
  /** Plural of the unit that a plain number has, and that the value has after parsing. */
  base: string
  /** Size of each unit in the base unit. */
  units: Record<string, number>
  example: string
}

/** A quantity as a whole number of its base unit, from a plain number or a text with a unit. */
function quantity({ name, base, units, example }: Quantity): z.ZodType<number> {
  const pattern = `^[0-9][0-9_]*(\\.[0-9]+)? ?(${Object.keys(units).join('|')})?$`
  const syntax = new RegExp(pattern)
  const notOne = (input: unknown) => `${input} is not ${name}; write a number of ${base} or e.g. "${example}"`
  return z
    .union([z.number().nonnegative(), z.string().meta({ pattern })], { error: issue => notOne(issue.input) })
    .meta({ description: `A number of ${base}, or a number with a unit: ${Object.keys(units).join(', ')}` })
    .transform((input, context) => {
      const match = syntax.exec(String(input))
      const exact = match
        ? Number.parseFloat(match[0].replaceAll('_', '')) * (units[match[2] ?? ''] ?? 1)
        : Number(input)
      const value = Math.round(exact)
      let problem: string | undefined
      if (typeof input === 'string' && !match) problem = notOne(input)
      else if (value > Number.MAX_SAFE_INTEGER) problem = `${input} is too much; at most 2^53 ${base}`
      // 0.032768 MHz is not exactly 32768 Hz in binary, 1.5 Hz is not meant.
      else if (Math.abs(exact - value) > 1e-9 * value) problem = `${input} is not a whole number of ${base}`
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input })
      return value
    })
}

/** Hz; a plain number is Hz. */
export const frequency = quantity({
  name: 'a frequency',
  base: 'Hz',
  units: { Hz: 1, kHz: 1e3, MHz: 1e6, GHz: 1e9 },
  example: '24 MHz',
})

/** Microseconds; a plain number is microseconds. */
export const duration = quantity({
  name: 'a duration',
  base: 'microseconds',
  units: { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6 },
  example: '5 ms',
})

/** The name of a resource: up to 63 characters; what exceeds 15 needs the extended name commands. */
export const resourceName = z
  .string()
  .regex(/^[ -~]{1,63}$/, { error: ({ input }) => `${input} is not a name; write 1 to 63 printable ASCII characters` })
