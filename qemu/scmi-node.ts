/**
 * The device tree's view of the platform: `/firmware/scmi` with a child per protocol, and the nodes elsewhere that make
 * a client driver of the guest use it. Adding a protocol's view is one entry in the table below.
 */
import type { Platform } from '../src/platform/platform.js'

/** One protocol in the device tree; both parts are device tree source. */
export interface ProtocolNode {
  /** Inside `protocol@NN { reg = <0xNN>; … }`, which carries the label `scmi_NN`. */
  body: string | ((platform: Platform) => string)
  /** Further top-level source, such as consumers: `/ { … };` or `&{/cpus/cpu@0} { … };`. */
  consumers?(platform: Platform): string
}

/** By protocol id. A protocol without an entry gets a node with its `reg` alone, which is what the core asks for. */
export const protocolNodes: Record<number, ProtocolNode> = {
  17: { body: '#power-domain-cells = <1>;' },
  19: { body: '#power-domain-cells = <1>;' },
  20: { body: '#clock-cells = <1>;' },
  21: { body: '#thermal-sensor-cells = <1>;' },
  22: { body: '#reset-cells = <1>;' },
}

/** Base is the SCMI node itself, not a child of it. */
const BASE = 0x10

/** What the merge needs of a running device. */
export interface ScmiView {
  platform: Platform
  protocols: readonly { id: number }[]
}

/** The source to append to the machine's device tree. */
export function scmiSource(view: ScmiView): string {
  const ids = view.protocols.map(protocol => protocol.id).filter(id => id !== BASE)
  const children = ids.map(id => {
    const hex = id.toString(16)
    const body = protocolNodes[id]?.body ?? ''
    const source = typeof body === 'string' ? body : body(view.platform)
    return `scmi_${hex}: protocol@${hex} { reg = <0x${hex}>; ${source} };`
  })
  const node = ['compatible = "arm,scmi-virtio"; #address-cells = <1>; #size-cells = <0>;', ...children].join('\n')
  const consumers = ids.map(id => protocolNodes[id]?.consumers?.(view.platform) ?? '')
  return [`/ { firmware { scmi: scmi {\n${node}\n}; }; };`, ...consumers].filter(Boolean).join('\n')
}
