/**
 * The straight path of a chain against the general one (chain.cc): every field that comes out of both is the same, for chains as
 * drivers send them and for hostile ones. `npm run torture -- fuzz` runs the same for longer.
 */
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { expect, it } from 'vitest'

const CHAINS = 100_000

it(`${CHAINS} random chains through both paths`, () => {
  const program = createRequire(import.meta.url).resolve('#chains')
  const seed = Math.floor(Math.random() * 2 ** 32)
  const { chains, straight, faults } = JSON.parse(execFileSync(program, [`${seed}`, `${CHAINS}`], { encoding: 'utf8' }))
  expect(chains).toBeGreaterThanOrEqual(CHAINS)
  // Enough of each kind.
  expect(straight).toBeGreaterThan(CHAINS / 10)
  expect(faults).toBeGreaterThan(CHAINS / 10)
})
