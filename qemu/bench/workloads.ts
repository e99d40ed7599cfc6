/** The operations that a benchmark repeats in the guest, as arguments of guest/scmi-bench.c. */
import type { Guest } from '../guest/guest.js'
import { readHwmon } from '../guest/view.js'

export const WORKLOADS = ['hwmon', 'clock', 'raw'] as const
export type Workload = (typeof WORKLOADS)[number]

/** The arguments, and what they ask for in words; undefined if the guest has nothing of the kind. */
export interface Work {
  words: string[]
  what: string
}

export const workOf: Record<Workload, (guest: Guest) => Promise<Work | undefined>> = {
  /** A sensor through hwmon: each read is a SENSOR_READING_GET. */
  async hwmon(guest) {
    const [reading] = await readHwmon(guest)
    return reading && { words: [reading.path], what: `sensor ${reading.name}` }
  },
  /** A rate through the clock framework: each read is a CLOCK_RATE_GET, because clk-scmi.c sets CLK_GET_RATE_NOCACHE. */
  async clock(guest) {
    const { stdout } = await guest.run('grep -l CLK_GET_RATE_NOCACHE /sys/kernel/debug/clk/*/clk_flags')
    const folder = /^(.*\/([^/]+))\/clk_flags$/m.exec(stdout)
    return folder ? { words: [`${folder[1]}/clk_rate`], what: `clock ${folder[2]}` } : undefined
  },
  /** Past the drivers: the Base protocol's PROTOCOL_VERSION. */
  async raw(guest) {
    const { status } = await guest.run('test -e /sys/kernel/debug/scmi/0/raw/message')
    return status === 0 ? { words: ['raw', '0x10', '0x0'], what: 'base PROTOCOL_VERSION' } : undefined
  },
}
