/** Values set by the host are persisted: every settable property has the same value after the state is restored. */
import { expect, test } from 'vitest'
import { Resources } from '../../../src/observe/resources.js'
import { type Property, valueText } from '../../../src/platform/core/property.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { RequestError } from '../../../src/support/errors.js'
import { everyProtocol } from '../../support/agent.js'
import { configs, Side } from '../../support/kept-side.js'

/** Not persisted: values that stand for the world around the board (`platform/core/kept.ts`). */
const LOST = /^sensor\.|\.(power|value)$|^imx_bbm\.button$|\.battery_low$/

/** Allowed values other than the current one. */
function others(property: Property): string[] {
  const allowed = property.allowed?.()
  const ends = allowed && 'step' in allowed ? [allowed.min, allowed.max] : allowed
  const all = ends ?? (property.type === 'flag' ? [true, false] : [42])
  return all.filter(value => value !== property.read()).map(value => valueText(property, value))
}

/** Sets the property to another value. Returns false if what was set before prevents it. */
function change(resources: Resources, address: string): boolean {
  return others(resources.place(address).property).some(text => {
    try {
      resources.set(address, text)
      return true
    } catch (error) {
      // Another resource needs it as it is.
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
