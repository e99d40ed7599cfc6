/** Checks the list of attacks against the tests that name them; `npm run torture -- hostile` counts those that pass. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FRONT_END_ATTACKS, GUEST_ATTACKS } from '../driver/attacks.js'

const folder = join(import.meta.dirname, '..')
const sources = ['driver', 'native', 'hostile'].flatMap(name =>
  readdirSync(join(folder, name)).map(file => readFileSync(join(folder, name, file), 'utf8')),
)

test('every attack has a test that names it, and tests name no attack that is not listed', () => {
  const named = sources.flatMap(text => [...text.matchAll(/['`]\[([a-z-]+)\] /g)].map(([, attack]) => attack!))
  const listed = [...Object.keys(GUEST_ATTACKS), ...Object.keys(FRONT_END_ATTACKS)]
  expect([...new Set(named)].sort()).toEqual(listed.sort())
})
