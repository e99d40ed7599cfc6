/** CPUs: their performance domains, and the thermal zones that slow them down. */
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { sensors } from '../../src/platform/sensors/index.js'
import { eachSeen, type TreeView } from './view.js'

/** SENSOR_DESCRIPTION_GET's number for degrees Celsius (SCMI v3.2 §4.7.2.5), the unit of Linux' thermal zones. */
const CELSIUS = 2
const TRIP_MILLICELSIUS = 85_000
const HYSTERESIS_MILLICELSIUS = 2000
const POLL_MS = 1000
const POLL_WHEN_HOT_MS = 250
/** Linux refuses longer names of thermal zones. */
const ZONE_NAME_MAX = 19

const cpuPath = (cpu: number): string => `&{/cpus/cpu@${cpu}}`

/** Names of CPUs' domains: "cpu" is in them, or they are a core's or a Qualcomm cluster's (a55, NCC0). */
const CPU_NAME = /cpu|^a\d\d$|^ncc\d*$/i

/**
 * The id of each CPU's performance domain. Domains that are named after CPUs share the CPUs in equal parts, in order; if
 * there are none, all CPUs are in the first domain. Domains whose level agents may not set are left out: Linux crashes
 * when a level that it sets is refused.
 */
export function cpuDomains(view: TreeView): number[] {
  const settable = eachSeen(view, perfDomains, ({ name, permissions }, id) => ({ name, permissions, id })).filter(
    ({ permissions }) => permissions.level,
  )
  const named = settable.filter(({ name }) => CPU_NAME.test(name))
  const ids = (named.length > 0 ? named : settable.slice(0, 1)).map(({ id }) => id)
  if (ids.length === 0) return []
  return Array.from({ length: view.cpus }, (_, cpu) => ids[Math.floor((cpu * ids.length) / view.cpus)]!)
}

/** The properties of CPU nodes that scmi-cpufreq reads. */
export const cpuNodes = (view: TreeView): string =>
  cpuDomains(view)
    .map((domain, cpu) => {
      const perf = `power-domains = <&scmi_13 ${domain}>; power-domain-names = "perf";`
      return `${cpuPath(cpu)} { ${perf} #cooling-cells = <2>; };`
    })
    .join('\n')

/** A thermal zone for each temperature sensor; the CPUs cool it, if they can. */
export function thermalZones(view: TreeView): string {
  const cooling = cpuDomains(view).map((_, cpu) => `<${cpuPath(cpu)} 0xffffffff 0xffffffff>`)
  const zones = eachSeen(view, sensors, ({ name, type }, id) => {
    if (type !== CELSIUS) return ''
    const suffix = `-${id}`
    const zone = name.replaceAll(/[^\w-]/g, '_').slice(0, ZONE_NAME_MAX - suffix.length) + suffix
    const trip = `hot_${id}: hot { type = "passive"; temperature = <${TRIP_MILLICELSIUS}>; hysteresis = <${HYSTERESIS_MILLICELSIUS}>; };`
    const map =
      cooling.length === 0
        ? ''
        : `cooling-maps { slow { trip = <&hot_${id}>; cooling-device = ${cooling.join(', ')}; }; };`
    const polling = `polling-delay = <${POLL_MS}>; polling-delay-passive = <${POLL_WHEN_HOT_MS}>;`
    return `${zone} { thermal-sensors = <&scmi_15 ${id}>; ${polling} trips { ${trip} }; ${map} };`
  }).filter(Boolean)
  return zones.length === 0 ? '' : `/ { thermal-zones {\n${zones.join('\n')}\n}; };`
}
