/** The result of `scmi-lab bench` as text for a terminal. */
import { rounded } from '../../src/bench/statistics.js'
import { rateText } from '../../src/bench/text.js'
import { tableLines } from '../../src/observe/tables.js'
import type { LabBenchResult } from './result.js'

export function benchLines({ machine, rows, ...run }: LabBenchResult): string[] {
  const table = rows.map(({ load, what, processes, rate, latencyUs, deviceUs, cpuUs }) => ({
    load,
    asks_for: what,
    processes,
    rate: rateText(rate),
    p50_us: latencyUs.p50,
    p99_us: latencyUs.p99,
    max_us: latencyUs.max,
    mean_us: latencyUs.mean,
    in_the_device_us: deviceUs,
    guest_and_QEMU_us: deviceUs === undefined ? undefined : rounded(latencyUs.mean - deviceUs),
    back_end_CPU_us: cpuUs.backEnd,
    QEMU_CPU_us: cpuUs.qemu,
  }))
  return [
    `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}; guest: Linux ${run.guestKernel} on ${run.settings.cpus} CPUs`,
    `noise: load ${machine.load.join(' before, ')} after, ${machine.stealPercent} % stolen, ${machine.othersPercent} % used by others`,
    `platform ${run.platform}, ${run.settings.seconds} s each${run.backEnd === undefined ? '' : `, back end: ${run.backEnd}`}`,
    '',
    ...tableLines(table),
  ]
}
