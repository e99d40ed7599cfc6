/** Short runs of parts of `npm run torture`. A failure prints its seed. */
import { expect, test } from 'vitest'
import { kills } from './kills.js'
import { permissions } from './permissions.js'
import type { Result } from './result.js'
import { soak } from './soak.js'

const LIMIT_MS = 180_000

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.info(`torture: FUZZ_SEED=${seed}`)

function expectPassed(results: readonly Result[], counts: readonly number[]): void {
  for (const [i, { what, count, failures }] of results.entries()) {
    expect(failures, what).toEqual([])
    expect(count, what).toBeGreaterThanOrEqual(counts[i]!)
  }
}

test(
  'kills under load: no command is lost or executed twice, the state is that of the last reply',
  async () => expectPassed(await kills({ count: 5, seed }), [5, 5]),
  LIMIT_MS,
)

test(
  'a long run of mixed messages: all are answered, resident set and number of descriptors stay flat',
  async () => expectPassed(await soak({ messages: 4_000_000, seed }), [4_000_000]),
  LIMIT_MS,
)

test(
  'permissions: denied resources are neither revealed nor changed',
  async () => expectPassed(await permissions({ messages: 20_000, seed }), [600, 20_000]),
  LIMIT_MS,
)
