/**
 * A platform that restores a saved state equals the one that was saved, after any random messages, and stays equal when
 * both get the same messages. FUZZ_SEED repeats a failure.
 */
import { describe, expect, it } from 'vitest'
import { stateDigest } from '../../support/digest.js'
import { cases, configs, Side } from '../../support/kept-side.js'

const ROUNDS = 12
const SECOND_US = 1_000_000
/** Values of these depend on time, randomness and heat, which are not saved. */
const LIVELY = ['sensor', 'perf']
/** Long enough for every pending operation to end. */
const LONG_US = 60 * SECOND_US

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.info(`saved states: FUZZ_SEED=${seed}`)

describe('a saved state', () => {
  it.each(cases)('$name of $preset: is restored, and behaves the same afterwards', ({ preset, protocol }) => {
    const config = configs[preset]!
    for (let round = 0; round < ROUNDS; round++) {
      const first = new Side(config)
      first.send(protocol, seed + round)
      // Some operations have ended, some are pending.
      first.time.advance((seed % 7) * 1000)
      first.send(protocol, seed - round, 5)
      const saved = first.save()
      const second = new Side(config)
      second.time.advance(first.time.nowUs)
      second.restore(saved)
      expect(second.save(), `round ${round}`).toEqual(saved)
      if (preset === 'everything') {
        expect(stateDigest(second.platform, second.agents)).toBe(stateDigest(first.platform, first.agents))
      }
      for (const side of [first, second]) {
        side.time.advance(LONG_US)
        side.send(protocol, seed ^ round)
        side.time.advance(LONG_US)
      }
      if (!LIVELY.includes(protocol.name)) expect(second.save(), `round ${round}, later`).toEqual(first.save())
      for (const side of [first, second]) side.platform.close()
    }
  })
})
