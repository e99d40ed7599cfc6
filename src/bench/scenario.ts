/** Scenarios: the combinations of the options, the same for every back end of a run. */
import type { Mix } from './commands.js'

export const WAITS = ['spin', 'sleep'] as const
export const DESCRIPTORS = ['indirect', 'direct'] as const
export const CORES = ['free', 'one', 'apart'] as const
export const DEPTH_MAX = 256
export const GUESTS_MAX = 16

/** How long a spinning front end polls for an answer before it sleeps. */
export const SPIN_US = 50

export interface Scenario {
  mix: Mix
  /** Commands in flight per guest. */
  depth: number
  /**
   * How the front end waits for answers. `spin`: it polls, and sends again what it finds at each look. `sleep`: as a driver's work
   * does under load, it takes all answers until there is none, sends as many again, kicks once and sleeps.
   */
  wait: (typeof WAITS)[number]
  descriptors: (typeof DESCRIPTORS)[number]
  eventIdx: boolean
  guests: number
  /** Cores of front end and back end: chosen by the kernel, one for both, or two. */
  cores: (typeof CORES)[number]
}

/** The values of each property. */
export type Grid = { [Property in keyof Scenario]: readonly Scenario[Property][] }

/** All combinations; the first property varies slowest. */
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
