/**
 * The device tree's view of the platform: `/firmware/scmi` with a child per protocol, and the nodes elsewhere that make
 * a client driver of the guest use it. Adding a protocol's view is one entry in the table below.
 */
import {
  clockConsumers,
  perfConsumers,
  powerConsumers,
  regulatorConsumers,
  regulators,
  resetConsumers,
} from './consumers.js'
import { cpuNodes, thermalZones } from './cpus.js'
import { pinConsumers, pinStates } from './pins.js'
import type { TreeView } from './view.js'

/** One protocol in the device tree; both parts are device tree source. */
export interface ProtocolNode {
  /** Inside `protocol@NN { reg = <0xNN>; … }`, which carries the label `scmi_NN`. */
  body: string | ((view: TreeView) => string)
  /** Further top-level source, such as consumers: `/ { … };` or `&{/cpus/cpu@0} { … };`. */
  consumers?(view: TreeView): string
}

/** By protocol id. A protocol without an entry gets a node with only its `reg`, which is all that the core needs. */
export const PROTOCOL_NODES: Record<number, ProtocolNode> = {
  17: { body: '#power-domain-cells = <1>;', consumers: powerConsumers },
  19: { body: '#power-domain-cells = <1>;', consumers: view => `${cpuNodes(view)}\n${perfConsumers(view)}` },
  20: { body: '#clock-cells = <1>;', consumers: clockConsumers },
  21: { body: '#thermal-sensor-cells = <1>;', consumers: thermalZones },
  22: { body: '#reset-cells = <1>;', consumers: resetConsumers },
  23: { body: regulators, consumers: regulatorConsumers },
  25: { body: pinStates, consumers: pinConsumers },
  // NXP's battery-backed module: its button is KEY_POWER. Without the property Linux guesses, and warns.
  129: { body: 'linux,code = <116>;' },
}

/** Base is the SCMI node itself, not a child of it. */
const BASE = 0x10

/** What the device tree is made from. */
export interface ScmiView extends Pick<TreeView, 'platform' | 'agent'> {
  protocols: readonly { id: number }[]
}

/**
 * The source to append to the machine's device tree: one SCMI node for each element of `nodes`, which has further
 * properties of the node. Consumers refer to the first; the others are only probed.
 */
export function scmiSource(
  { platform, agent, protocols }: ScmiView,
  { cpus }: { cpus: number },
  nodes: readonly string[] = [''],
): string {
  const view = { platform, agent, cpus }
  const ids = protocols.map(protocol => protocol.id).filter(id => id !== BASE)
  const sources = nodes.map((properties, index) => {
    const children = ids.map(id => protocolNode(id, view, index === 0))
    const body = ['compatible = "arm,scmi-virtio"; #address-cells = <1>; #size-cells = <0>;', properties, ...children]
    const name = index === 0 ? 'scmi: scmi' : `scmi-${index}`
    return `/ { firmware { ${name} {\n${body.filter(Boolean).join('\n')}\n}; }; };`
  })
  const consumers = nodes.length === 0 ? [] : ids.map(id => PROTOCOL_NODES[id]?.consumers?.(view) ?? '')
  return [...sources, ...consumers].filter(Boolean).join('\n')
}

/** A protocol's node. Only the first SCMI node has labels, because consumers refer to them and they must be unique. */
function protocolNode(id: number, view: TreeView, isFirst: boolean): string {
  const hex = id.toString(16)
  const body = PROTOCOL_NODES[id]?.body ?? ''
  const source = typeof body === 'string' ? body : body(view)
  const node = `protocol@${hex} { reg = <0x${hex}>;`
  return isFirst ? `scmi_${hex}: ${node} ${source} };` : `${node} };`
}
