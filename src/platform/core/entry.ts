/** What the entries of all sections have, whatever they describe: an id and names. */
import { z } from 'zod'
import { show } from './config-error.js'
import { resourceId } from './ids.js'

/** The most characters of a name on the wire (SCMI v3.2 §4.1.1). Names over 15 need the extended name commands. */
const NAME_MAX = 63

/** `limit` is that of ids, `nameMax` that of characters. */
export const entryKeys = (limit: number, nameMax = NAME_MAX) => ({
  id: resourceId(limit),
  name: z.string().regex(new RegExp(`^[ -~]{1,${nameMax}}$`), {
    error: ({ input }) => {
      const problem = `${show(input)} is not a name; write 1 to ${nameMax} printable ASCII characters`
      return input === '' ? `${problem}, and wire_name: "" if firmware has none` : problem
    },
  }),
  wire_name: z
    .string()
    .regex(new RegExp(`^[ -~]{0,${nameMax}}$`), {
      error: ({ input }) => `${show(input)} is not a name; write at most ${nameMax} printable ASCII characters`,
    })
    .optional()
    .describe('Name in messages, which others can have as well, or empty; default: name'),
})

/** The name that messages have. */
export const wireNameOf = ({ name, wire_name }: { name: string; wire_name?: string | undefined }): string =>
  wire_name ?? name

/** For errors about a name that two resources have. */
export const wireNameHint = (name: string): string => `name one otherwise, with wire_name: ${name} if firmware does so`
