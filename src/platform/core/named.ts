/** Things that people call by name: no two of a kind have the same one. */
import { thereAre } from '../../support/known-names.js'
import { ConfigError, type ConfigPath } from './config-error.js'
import { wireNameHint } from './entry.js'

interface Named {
  readonly name: string
}

/** The names of `things`. */
export function namesOf(things: readonly Named[]): string[] {
  return things.map(({ name }) => name)
}

/** For the second resource of a name that messages have. */
export const twoAreNamed = (name: string, plural: string): string =>
  `${twoAreCalled(name, plural)}; ${wireNameHint(name)}`

/** For the second thing of a name that only people use. */
export const twoAreCalled = (name: string, plural: string): string => `two ${plural} are named ${name}`

/** `things` by name. Throws ConfigError at the second of one name; `pathOf` gives the path of a thing by its position. */
export function byUniqueName<Thing extends Named>(
  things: readonly Thing[],
  plural: string,
  pathOf: (position: number) => ConfigPath = position => [position],
  problemOf = twoAreNamed,
): Map<string, Thing> {
  const byName = new Map<string, Thing>()
  for (const [i, thing] of things.entries()) {
    const { name } = thing
    if (byName.has(name)) throw new ConfigError([...pathOf(i), 'name'], problemOf(name, plural))
    byName.set(name, thing)
  }
  return byName
}

/** The thing with this name. Throws an error that lists the known names: for callers on the host, who know the platform. */
export function named<Thing extends Named>(things: readonly Thing[], singular: string, name: string): Thing {
  const thing = things.find(thing => thing.name === name)
  if (!thing) throw new Error(`no ${singular} is named ${name}; ${thereAre(namesOf(things))}`)
  return thing
}
