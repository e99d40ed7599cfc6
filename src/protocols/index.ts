/** The protocols that are served, by ascending id: the only file that names them all. */
import { base } from './base.js'
import { clock } from './clock.js'
import type { Protocol } from './declaration/protocol.js'
import { perf } from './perf.js'
import { pinctrl } from './pinctrl.js'
import { power } from './power.js'
import { powercap } from './powercap.js'
import { reset } from './reset.js'
import { sensor } from './sensor.js'
import { system } from './system.js'
import { telemetry } from './telemetry.js'
import { voltage } from './voltage.js'

export const protocols = [
  base,
  power,
  system,
  perf,
  clock,
  sensor,
  reset,
  voltage,
  powercap,
  pinctrl,
  telemetry,
] as const satisfies readonly Protocol[]
