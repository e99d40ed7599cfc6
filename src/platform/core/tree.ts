/** Checks trees of resources, in whatever section they are: no cycles, limited depth. */
import { ConfigError } from './config-error.js'

/** No hardware has as many levels. Changes recurse from level to level, so the depth must be bounded. */
const LEVELS_MAX = 100

interface Node {
  name: string
}

/**
 * Throws ConfigError at `key` if a resource is its own ancestor or has too many levels of ancestors. `resources` are in the
 * order of the section.
 */
export function checkTree<Resource extends Node>(
  resources: readonly Resource[],
  parentsOf: (resource: Resource) => readonly Resource[],
  key: string,
): void {
  const settled = new Set<Resource>()
  let rest = resources
  for (let level = 0; rest.length > 0; level++) {
    const ready = rest.filter(resource => parentsOf(resource).every(parent => settled.has(parent)))
    if (ready.length === 0) throw ownAncestor(resources, rest, parentsOf, key, settled)
    if (level > LEVELS_MAX) {
      const [deep] = ready as [Resource]
      throw new ConfigError(
        [resources.indexOf(deep), key],
        `${deep.name} has more than ${LEVELS_MAX} levels of ancestors`,
      )
    }
    for (const resource of ready) settled.add(resource)
    rest = rest.filter(resource => !settled.has(resource))
  }
}

/** Every resource in `rest` has a parent in `rest`, so walking upwards ends in a cycle: names its first resource. */
function ownAncestor<Resource extends Node>(
  resources: readonly Resource[],
  rest: readonly Resource[],
  parentsOf: (resource: Resource) => readonly Resource[],
  key: string,
  settled: ReadonlySet<Resource>,
): ConfigError {
  const walk = new Set<Resource>()
  let at = rest[0]!
  for (; !walk.has(at); at = parentsOf(at).find(parent => !settled.has(parent))!) walk.add(at)
  const ring = [...walk].slice([...walk].indexOf(at))
  const first = Math.min(...ring.map(resource => resources.indexOf(resource)))
  return new ConfigError([first, key], `${resources[first]!.name} is its own ancestor`)
}
