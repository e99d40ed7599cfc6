/** What is measured: the scenarios that the options span, each the same for every back end of a run. */
import type { Mix } from './commands.js'

export const WAITS = ['spin', 'sleep'] as const
export const DESCRIPTORS = ['indirect', 'direct'] as const
export const CORES = ['free', 'one', 'apart'] as const
export const DEPTH_MAX = 256
export const GUESTS_MAX = 16

/** How long a spinning front end looks for an answer before it sleeps after all. */
export const SPIN_US = 50

export interface Scenario {
  mix: Mix
  /** Commands in flight, for each guest. */
  depth: number
  /** What the front end does until an answer comes. */
  wait: (typeof WAITS)[number]
  descriptors: (typeof DESCRIPTORS)[number]
  eventIdx: boolean
  guests: number
  /** Where front end and back end run: wherever the kernel puts them, on one core, on two. */
  cores: (typeof CORES)[number]
}

/** Each property with the values that it is to have. */
export type Grid = { [Property in keyof Scenario]: readonly Scenario[Property][] }

/** All combinations, the first properties varying slowest. */
export function scenariosOf(grid: Grid): Scenario[] {
  return grid.cores.flatMap(cores =>
    grid.guests.flatMap(guests =>
      grid.descriptors.flatMap(descriptors =>
        grid.eventIdx.flatMap(eventIdx =>
          grid.wait.flatMap(wait =>
            grid.mix.flatMap(mix =>
              grid.depth.map(depth => ({ mix, depth, wait, descriptors, eventIdx, guests, cores })),
            ),
          ),
        ),
      ),
    ),
  )
}
