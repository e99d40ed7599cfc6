import { expect, test } from 'vitest'
import { seconds } from '../../src/support/progress.js'

test.each([
  [0, '0.0 s'],
  [49, '0.0 s'],
  [59_949, '59.9 s'],
  [59_950, '1 min 0 s'],
  [179_499, '2 min 59 s'],
  [179_500, '3 min 0 s'],
])('%i ms are %s', (ms, text) => expect(seconds(ms)).toBe(text))
