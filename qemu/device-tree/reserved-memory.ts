/** The guest memory that platforms share: where it is, and the node that keeps the kernel from using it. */
import type { SharedMemoryConfig } from '../../src/platform/core/platform-config.js'

/** QEMU's machine virt: RAM begins here. The kernel is at its begin, initramfs and device tree are at 128 MiB at most. */
const RAM = 0x4000_0000
/** Below the end of RAM, so that kernels that take memory from its end still find some in one piece. */
const FROM_END = 16 << 20
const UNITS: Readonly<Record<string, number>> = { M: 2 ** 20, G: 2 ** 30 }

/** How the device tree reserves the region; `mapped` is a mistake that kernels refuse to map channels from. */
export type Reserving = 'no-map' | 'mapped'

/** Where the shared memory of the device with this index is, in a machine with `memory` as QEMU writes it. */
export function sharedAddress({ address, size }: SharedMemoryConfig, memory: string, index = 0): number {
  const bytes = Number.parseInt(memory, 10) * UNITS[memory.slice(-1)]!
  return (address ?? RAM + bytes - Math.max(FROM_END, size)) + index * size
}

const hex = (value: number): string => `0x${value.toString(16)}`
const cells = (value: number): string => `${hex(Math.floor(value / 2 ** 32))} ${hex(value % 2 ** 32)}`

/** Device tree source that reserves `bytes` at `address`. */
export function reservedMemory(address: number, bytes: number, how: Reserving = 'no-map'): string {
  const node = `scmi-shared@${address.toString(16)} { reg = <${cells(address)} ${cells(bytes)}>; ${how === 'no-map' ? 'no-map;' : ''} };`
  return `/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; ${node} }; };`
}
