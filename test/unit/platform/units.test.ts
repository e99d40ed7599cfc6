import { describe, expect, test } from 'vitest'
import { duration, frequency, resourceName } from '../../../src/platform/core/units.js'

describe('frequency', () => {
  test.each([
    [0, 0],
    [24_000_000, 24_000_000],
    ['24 MHz', 24_000_000],
    ['24MHz', 24_000_000],
    ['1.2GHz', 1_200_000_000],
    ['0.032768 MHz', 32768],
    ['148.5 MHz', 148_500_000],
    ['32_768', 32768],
    ['100 kHz', 100_000],
    ['7 Hz', 7],
  ])('%j is %i Hz', (input, hz) => {
    expect(frequency.parse(input)).toBe(hz)
  })

  test.each([
    '24 mhz',
    '24 Mhz',
    'MHz',
    '',
    '1e6',
    '-5 Hz',
    '1.5 Hz',
    1.5,
    -1,
    '24  MHz',
    '9999999999 GHz',
    null,
    true,
  ])('%j is none', input => {
    expect(frequency.safeParse(input).success).toBe(false)
  })
})

describe('duration', () => {
  test.each([
    [250, 250],
    ['250us', 250],
    ['5 ms', 5000],
    ['1.5 s', 1_500_000],
    ['2 min', 120_000_000],
    ['24 h', 86_400_000_000],
  ])('%j is %i microseconds', (input, us) => {
    expect(duration.parse(input)).toBe(us)
  })

  test.each(['0.5 us', '5 ns', '5 m', -5])('%j is none', input => {
    expect(duration.safeParse(input).success).toBe(false)
  })
})

test('a name has 1 to 63 printable ASCII characters', () => {
  expect(resourceName.safeParse('x'.repeat(63)).success).toBe(true)
  for (const name of ['', 'x'.repeat(64), 'tab\t', 'café']) expect(resourceName.safeParse(name).success).toBe(false)
})
