/** Runs the tests with the mock driver on an addon that ends the process at any memory error or undefined behaviour. */
import { type Result, timed } from './result.js'
import { runSuite } from './suite.js'

/** Tests that measure memory or time, which sanitizers change, and tests of commands, which run for minutes with them. */
const EXCLUDED = [
  'test/native/batch-sizes.test.ts',
  'test/native/heap.test.ts',
  'test/hostile/clients.test.ts',
  'test/hostile/fairness.test.ts',
  'test/hostile/texts.test.ts',
  'test/native/readme.test.ts',
]

export async function sanitizers(signal: AbortSignal): Promise<Result[]> {
  const tests = ['test/native', 'test/hostile', 'test/fuzz/chain.test.ts', 'test/torture/sanitized.test.ts']
  return [
    await timed('sanitizers', 'tests with the mock driver', async () => {
      const { passed, failures } = await runSuite({
        title: 'sanitizers',
        tests,
        exclude: EXCLUDED,
        sanitized: true,
        signal,
      })
      return { count: passed.length, failures }
    }),
  ]
}
