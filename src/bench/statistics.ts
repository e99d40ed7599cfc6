/** Medians and ratios over the rounds of a run. */
import type { Measurement } from './front-end.js'
import type { Cell, CellScenario, Ratio } from './result.js'
import type { Scenario } from './scenario.js'

/** The measurements of one back end in one scenario, one per round. */
export interface Series {
  backEnd: Cell['backEnd']
  scenario: Scenario
  rounds: Measurement[]
  gc?: { pauses: number; maxMs: number }
}

/** The median; NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Three significant digits: more would suggest a precision that is not there. */
export const rounded = (value: number): number => Number(value.toPrecision(3))

const rateOf = ({ messages, elapsedNs }: Measurement): number => (messages / elapsedNs) * 1e9

function over(ratios: readonly number[]): Ratio {
  return {
    median: rounded(median(ratios)),
    min: rounded(Math.min(...ratios)),
    max: rounded(Math.max(...ratios)),
  }
}

/** Ratios of the rates of two back ends, round by round. */
export function ratioOf(rounds: readonly Measurement[], floor: readonly Measurement[]): Ratio {
  return over(rounds.map((measurement, i) => rateOf(measurement) / rateOf(floor[i]!)))
}

/** What the guest that got least got of what the one that got most did, round by round. */
function fairnessOf(rounds: readonly Measurement[]): Ratio {
  return over(rounds.map(({ messagesByGuest: of }) => Math.min(...of) / Math.max(1, ...of)))
}

export function scenarioOf({ mix, ...rest }: Scenario): CellScenario {
  return { mix: mix.name, ...rest }
}

/** The cells of one scenario; the floors are among the series. */
export function cellsOf(series: readonly Series[]): Cell[] {
  const floor = (name: Cell['backEnd']) => series.find(({ backEnd }) => backEnd === name)!.rounds
  return series.map(({ backEnd, scenario, rounds, gc }) => {
    const of = (value: (measurement: Measurement) => number) => rounded(median(rounds.map(value)))
    const isFloor = backEnd !== 'device' && backEnd !== 'other'
    return {
      scenario: scenarioOf(scenario),
      backEnd,
      rate: Math.round(median(rounds.map(rateOf))),
      rates: rounds.map(rateOf).map(Math.round),
      latencyUs: {
        p50: of(({ latencyNs }) => latencyNs.p50 / 1000),
        p99: of(({ latencyNs }) => latencyNs.p99 / 1000),
        p999: of(({ latencyNs }) => latencyNs.p999 / 1000),
        max: rounded(Math.max(...rounds.map(({ latencyNs }) => latencyNs.max / 1000))),
      },
      cpuUs: {
        backEnd: of(({ backEndCpuNs, messages }) => backEndCpuNs / 1000 / messages),
        frontEnd: of(({ frontEndCpuNs, messages }) => frontEndCpuNs / 1000 / messages),
      },
      ...(scenario.guests > 1 ? { fairness: fairnessOf(rounds) } : {}),
      ...(isFloor
        ? {}
        : {
            ratios: {
              busyLoop: ratioOf(rounds, floor('busy loop')),
              nativeFloor: ratioOf(rounds, floor('native floor')),
              eventLoop: ratioOf(rounds, floor('event loop')),
            },
          }),
      ...(gc ? { gc: { pauses: gc.pauses, maxMs: rounded(gc.maxMs) } } : {}),
    }
  })
}
