/** Packets as other programs write them. */
import { PacketWriter, TYPE_INSTANT } from '../../src/trace/perfetto.js'

export function encodePackets(count: number): Buffer {
  const writer = new PacketWriter()
  for (let i = 0; i < count; i++) writer.add({ timestamp: i, track_event: { type: TYPE_INSTANT!, track_uuid: 1 } })
  return Buffer.from(writer.take())
}
