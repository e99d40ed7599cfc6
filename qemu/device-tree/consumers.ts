/**
 * Consumers for the lab's own driver (guest/consumer): one node below /scmi-lab for each resource that Linux gives only
 * to drivers. Linux makes no devices for them until that driver is loaded, because /scmi-lab itself is no device.
 */
import { clocks } from '../../src/platform/clocks/index.js'
import { rowsOf } from '../../src/platform/core/ids.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../src/platform/power-domains/index.js'
import { resets } from '../../src/platform/resets/index.js'
import { voltages } from '../../src/platform/voltages/index.js'
import { eachSeen, quoted, seen, type TreeView } from './view.js'

/** A consumer of the resource `label`, with the properties by which its driver finds it. */
export const consumer = (kind: string, id: number, label: string, properties: string): string =>
  `${kind}-${id} { compatible = "lab,scmi-consumer-${kind}"; label = ${quoted(label)}; ${properties} };`

export const consumers = (nodes: readonly string[]): string =>
  nodes.length === 0 ? '' : `/ { scmi-lab {\n${nodes.join('\n')}\n}; };`

/** A clock's node lists what it can be fed from, under the parents' names. */
export function clockConsumers(view: TreeView): string {
  const list = seen(view, clocks)
  return consumers(
    rowsOf(list, (clock, id) => {
      const parents = clock.parents.filter(parent => list.includes(parent))
      const cells = [id, ...parents.map(parent => list.indexOf(parent))].map(cell => `<&scmi_14 ${cell}>`)
      const names = ['clock', ...parents.map(({ name }) => name)].map(quoted)
      return consumer('clock', id, clock.name, `clocks = ${cells.join(', ')}; clock-names = ${names.join(', ')};`)
    }),
  )
}

/** Linux requests only synchronous changes: it cannot use a domain without them. */
export const powerConsumers = (view: TreeView): string =>
  consumers(
    eachSeen(view, powerDomains, ({ name, sync }, id) =>
      sync ? consumer('power-domain', id, name, `power-domains = <&scmi_11 ${id}>;`) : '',
    ).filter(Boolean),
  )

export const perfConsumers = (view: TreeView): string =>
  consumers(
    eachSeen(view, perfDomains, ({ name }, id) =>
      consumer('perf-domain', id, name, `power-domains = <&scmi_13 ${id}>;`),
    ),
  )

export const resetConsumers = (view: TreeView): string =>
  consumers(eachSeen(view, resets, ({ name }, id) => consumer('reset', id, name, `resets = <&scmi_16 ${id}>;`)))

export const regulatorConsumers = (view: TreeView): string =>
  consumers(
    eachSeen(view, voltages, ({ name }, id) => consumer('regulator', id, name, `lab-supply = <&scmi_voltage_${id}>;`)),
  )

/** A number as dtc takes it in a cell: a negative one only as an expression. */
const cell = (value: number): string => (value < 0 ? `(${value})` : String(value))

/** Linux makes a regulator of each voltage domain that has a node, and changes a voltage only within given limits. */
export function regulators(view: TreeView): string {
  const nodes = eachSeen(view, voltages, ({ name, range, permissions, mode }, id) => {
    const canSet = permissions.level && range.min !== range.max
    const limits = canSet
      ? `regulator-min-microvolt = <${cell(range.min)}>; regulator-max-microvolt = <${cell(range.max)}>;`
      : ''
    // What runs without anybody having asked for it, Linux would switch off, which it may not here.
    const always = !permissions.mode && mode !== 0 ? 'regulator-always-on;' : ''
    const body = `reg = <${id}>; regulator-name = ${quoted(name)}; ${limits} ${always}`
    return `scmi_voltage_${id}: regulator@${id.toString(16)} { ${body} };`
  })
  return nodes.length === 0 ? '' : `regulators { #address-cells = <1>; #size-cells = <0>; ${nodes.join('\n')} };`
}
