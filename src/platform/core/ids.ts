/**
 * Ids of resources, by which messages name them. An entry of the platform file can give its own; others count on from the
 * entry before them, the first from 0. Firmware leaves ids out: those are holes, and NOT_FOUND.
 */
import { z } from 'zod'

/** The `id` of an entry in a list whose count of ids is at most `limit`: one more than the highest id. */
export const resourceId = (limit: number) =>
  z
    .int()
    .min(0)
    .max(limit - 1)
    .optional()
    .describe('Id in messages; default: one more than that of the entry before, from 0. Ids in between are NOT_FOUND')

interface Entry {
  id?: number | undefined
  name: string
}

/** The list with the ids of all its entries. Refuses an id that two have, and one that the count does not reach. */
export function numbered<Config extends Entry>(
  list: z.ZodType<Config[]>,
  limit: number,
): z.ZodType<(Config & { id: number })[]> {
  return list.transform((entries, context) => {
    const owners = new Map<number, string>()
    let next = 0
    return entries.map((entry, position) => {
      const id = entry.id ?? next
      const problem = problemOf(id, owners, limit)
      if (problem !== undefined) {
        const isGiven = entry.id !== undefined
        const message = isGiven ? problem : `without an id it is next, and ${problem}`
        context.addIssue({ code: 'custom', message, path: isGiven ? [position, 'id'] : [position], input: id })
      }
      owners.set(id, entry.name)
      next = id + 1
      return { ...entry, id }
    })
  })
}

function problemOf(id: number, owners: ReadonlyMap<number, string>, limit: number): string | undefined {
  if (id >= limit) return `${id} is too large; at most ${limit - 1}`
  const owner = owners.get(id)
  return owner === undefined ? undefined : `${id} is the id of ${owner}; write one from 0 to ${limit - 1} that is free`
}

interface Numbered {
  readonly id?: number
}

/** The resources by id, `undefined` where nobody has it. Those of plug-ins need no ids: then it is their position. */
export function byId<Resource extends Numbered>(resources: readonly Resource[]): readonly (Resource | undefined)[] {
  const table: (Resource | undefined)[] = []
  for (const [position, resource] of resources.entries()) {
    const id = resource.id ?? position
    while (table.length <= id) table.push(undefined)
    table[id] = resource
  }
  return table
}

/** What `row` makes of each resource of such a table, and its id. */
export function rowsOf<Resource, Row>(
  table: readonly (Resource | undefined)[],
  row: (resource: Resource, id: number) => Row,
): Row[] {
  return table.flatMap((resource, id) => (resource === undefined ? [] : [row(resource, id)]))
}
