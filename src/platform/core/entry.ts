/** What the entries of all sections have, whatever they describe: an id, names, answers. */
import { z } from 'zod'
import { STATUS_NAMES } from '../../wire/status.js'
import { show } from './config-error.js'
import { resourceId } from './ids.js'

/** The most characters of a name on the wire (SCMI v3.2 §4.1.1). Names over 15 need the extended name commands. */
const NAME_MAX = 63

/** A status by name or number. */
export const statusSchema = z
  .union([z.enum(STATUS_NAMES), z.int().min(-0x8000_0000).max(0x7fff_ffff)])
  .transform(given => (typeof given === 'number' ? given : -STATUS_NAMES.indexOf(given)))

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
  answers: z
    .record(z.string(), statusSchema)
    .optional()
    .describe('Statuses, by name or number, that commands which name it are answered with, by names of commands'),
})

/** A checked entry, with these keys. */
export interface EntryConfig {
  id: number
  name: string
  wire_name?: string | undefined
  answers?: Record<string, number> | undefined
}

/** A resource, as far as it is like all others. */
export class Entry {
  /** In messages of agents that number their resources as the platform does. */
  readonly id: number
  /** In the file, and for people. */
  readonly name: string
  /** In messages. */
  readonly wireName: string
  /** Statuses by the name of the command; undefined: it answers every command itself. */
  readonly answers: ReadonlyMap<string, number> | undefined

  constructor({ id, name, wire_name, answers }: EntryConfig) {
    this.id = id
    this.name = name
    this.wireName = wire_name ?? name
    this.answers = answers && new Map(Object.entries(answers))
  }
}

/** For errors about a name that two resources have. */
export const wireNameHint = (name: string): string => `name one otherwise, with wire_name: ${name} if firmware does so`
