/** A guest that reads rates of clocks, for the front end of the benchmark. */
import { parseMix } from '../../src/bench/commands.js'
import type { Scenario } from '../../src/bench/scenario.js'

/** With one command in flight its rate would have two modes, by whether the device still polls when it sends. */
export const CLOCK_READER: Scenario = {
  mix: parseMix('clock'),
  depth: 16,
  wait: 'sleep',
  descriptors: 'indirect',
  eventIdx: true,
  guests: 1,
  cores: 'free',
}
