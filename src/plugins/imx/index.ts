/** The vendor protocols of NXP i.MX System Managers: the plug-in `imx`. */
import type { Protocol } from '../../protocols/declaration/protocol.js'
import { bbm } from './bbm.js'
import { cpu } from './cpu.js'
import { lmm } from './lmm.js'
import { misc } from './misc.js'

const protocols: readonly Protocol[] = [lmm, bbm, cpu, misc]

export default protocols
