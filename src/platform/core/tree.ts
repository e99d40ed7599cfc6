/** Resources that lie below others: what must not be, in whatever section they are. */
import { ConfigError } from './config-error.js'

/**
 * Resources above each other. No hardware has as many, and a change goes from each to the next: in a call of its own, so that
 * there must be an end.
 */
const LEVELS_MAX = 100

interface Node {
  /** Its place in the section. */
  id: number
  name: string
}

/** Throws ConfigError, at `key`, if a resource is its own ancestor or has too many of them above each other. */
export function checkTree<Resource extends Node>(
  resources: readonly Resource[],
  parentsOf: (resource: Resource) => readonly Resource[],
  key: string,
): void {
  const settled = new Set<Resource>()
  let rest = resources
  for (let level = 0; rest.length > 0; level++) {
    const ready = rest.filter(resource => parentsOf(resource).every(parent => settled.has(parent)))
    if (ready.length === 0) throw ownAncestor(rest, parentsOf, key, settled)
    if (level > LEVELS_MAX) {
      const [{ id, name }] = ready as [Resource]
      throw new ConfigError([id, key], `${name} has more than ${LEVELS_MAX} ancestors above each other`)
    }
    for (const resource of ready) settled.add(resource)
    rest = rest.filter(resource => !settled.has(resource))
  }
}

/** Of `rest`, each of which has a parent among them: the first that a walk upwards meets again. */
function ownAncestor<Resource extends Node>(
  rest: readonly Resource[],
  parentsOf: (resource: Resource) => readonly Resource[],
  key: string,
  settled: ReadonlySet<Resource>,
): ConfigError {
  const walk = new Set<Resource>()
  let at = rest[0]!
  for (; !walk.has(at); at = parentsOf(at).find(parent => !settled.has(parent))!) walk.add(at)
  const ring = [...walk].slice([...walk].indexOf(at))
  const { id, name } = ring.reduce((first, other) => (other.id < first.id ? other : first))
  return new ConfigError([id, key], `${name} is its own ancestor`)
}
