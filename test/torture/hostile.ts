/** The known attacks on a device (test/driver/attacks.ts): how many tests show that it withstands each of them. */
import { FRONT_END_ATTACKS, GUEST_ATTACKS } from '../driver/attacks.js'
import { type Result, timed } from './result.js'
import { runSuite } from './suite.js'

/** The least number of tests of attacks by a guest. */
const GUEST_CASES_MIN = 60

export async function hostile(signal: AbortSignal): Promise<Result[]> {
  const began = performance.now()
  const { passed, failures } = await runSuite({ title: 'hostile', tests: ['test/native', 'test/hostile'], signal })
  const seconds = (performance.now() - began) / 1000
  const guest = attacksIn(passed, 'guest', GUEST_ATTACKS)
  if (guest.count < GUEST_CASES_MIN) guest.failures.push(`${guest.count} cases, fewer than ${GUEST_CASES_MIN}`)
  const frontEnd = attacksIn(passed, 'front end', FRONT_END_ATTACKS)
  const tests = await timed('hostile', 'tests with the mock driver', async () => ({ count: passed.length, failures }))
  return [guest, frontEnd, tests].map(result => ({ ...result, seconds }))
}

/** Counts the tests of each attack in the list; an attack without a test is a failure. */
function attacksIn(tests: readonly string[], peer: string, list: Record<string, string>): Omit<Result, 'seconds'> {
  const counts = Object.keys(list).map(attack => ({
    attack,
    count: tests.filter(name => name.includes(`[${attack}] `)).length,
  }))
  return {
    part: 'hostile',
    what: `cases of a hostile ${peer}, ${counts.length} kinds`,
    count: counts.reduce((sum, { count }) => sum + count, 0),
    failures: counts.filter(({ count }) => count === 0).map(({ attack, count }) => `[${attack}]: ${count} tests`),
  }
}
