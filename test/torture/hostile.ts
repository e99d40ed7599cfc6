/**
 * The known attacks on a device, line by line: which tests show that it withstands them. Tests name the line they are
 * about: "E.1 #7" is the seventh of those a guest has, "E.2 #12" the twelfth of a front end's.
 */
import { type Result, timed } from './result.js'
import { runSuite } from './suite.js'

/** How many lines each of the two lists has. */
const LINES = { 'E.1': 19, 'E.2': 30 } as const
const PEERS = { 'E.1': 'guest', 'E.2': 'front end' } as const
/** Named cases of a hostile guest that there must be at least. */
const GUEST_CASES_MIN = 60

export async function hostile(signal: AbortSignal): Promise<Result[]> {
  const began = performance.now()
  const { passed, failures } = await runSuite({ title: 'hostile', tests: ['test/native', 'test/hostile'], signal })
  const seconds = (performance.now() - began) / 1000
  const results: Result[] = []
  for (const list of ['E.1', 'E.2'] as const) {
    const cases = casesOf(list, passed)
    const count = [...cases.values()].reduce((sum, one) => sum + one, 0)
    const missing = [...cases].filter(([, one]) => one === 0).map(([line]) => `${list} #${line}: no case`)
    if (list === 'E.1' && count < GUEST_CASES_MIN) missing.push(`${count} cases, fewer than ${GUEST_CASES_MIN}`)
    const what = `cases of a hostile ${PEERS[list]}, ${LINES[list]} kinds`
    results.push({ part: 'hostile', what, count, seconds, failures: missing })
  }
  results.push(await timed('hostile', 'tests with the mock driver', async () => ({ count: passed.length, failures })))
  results[2]!.seconds = seconds
  return results
}

/** How many tests are about each line. */
function casesOf(list: keyof typeof LINES, names: readonly string[]): Map<number, number> {
  const cases = new Map(Array.from({ length: LINES[list] }, (_, i) => [i + 1, 0]))
  for (const name of names) {
    for (const [, line] of name.matchAll(new RegExp(`${list.replace('.', '\\.')} #(\\d+)`, 'g'))) {
      cases.set(Number(line), (cases.get(Number(line)) ?? 0) + 1)
    }
  }
  return cases
}
