/** What the host sets is kept: every property that can be set is the same on a platform that takes the state over. */
import { expect, test } from 'vitest'
import { Resources } from '../../../src/observe/resources.js'
import { type Property, valueText } from '../../../src/platform/core/property.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { RequestError } from '../../../src/support/errors.js'
import { everyProtocol } from '../../support/agent.js'
import { configs, Side } from '../../support/kept-side.js'

/** What the world around the board is like begins anew (`platform/core/kept.ts`). */
const LOST = /^sensor\.|\.(power|value)$|^imx_bbm\.button$|\.battery_low$/

/** Values it can be set to that it does not have. */
function others(property: Property): string[] {
  const allowed = property.allowed?.()
  const ends = allowed && 'step' in allowed ? [allowed.min, allowed.max] : allowed
  const all = ends ?? (property.type === 'flag' ? [true, false] : [42])
  return all.filter(value => value !== property.read()).map(value => valueText(property, value))
}

/** Sets it to something else. Returns whether it can be, with all that was set before. */
function change(resources: Resources, address: string): boolean {
  return others(resources.place(address).property).some(text => {
    try {
      resources.set(address, text)
      return true
    } catch (error) {
      // Not now: something needs it.
      if (error instanceof RequestError) return false
      throw error
    }
  })
}

test.each(Object.keys(configs))('%s', preset => {
  const kinds = resourceKinds(everyProtocol)
  const [first, second] = [new Side(configs[preset]!), new Side(configs[preset]!)]
  const [before, after] = [new Resources(first.platform, kinds), new Resources(second.platform, kinds)]
  const settable = before.read([]).filter(({ place }) => place.property.set && !LOST.test(place.address))
  const changed = settable.map(({ place }) => place.address).filter(address => change(before, address))
  expect(changed.length).toBeGreaterThan(settable.length / 2)
  second.restore(first.save())
  const values = (resources: Resources) =>
    Object.fromEntries(resources.read(changed).map(({ place, value }) => [place.address, value]))
  expect(values(after)).toEqual(values(before))
})
