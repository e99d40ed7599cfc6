/** The links of the answering chain and the event queue that record messages in the tap. */
import type { Answering } from '../device/answering.js'
import type { Device } from '../device/device.js'
import type { ChannelSeen } from '../protocols/declaration/protocol.js'
import { CHANNEL_WRITE, HEADER_SIZE, packHeader, STATUS_SIZE } from '../wire/header.js'
import type { DeviceTap, Tap } from './tap.js'

/** Also records the messages of `device` from now on. The link is in the chain only while somebody listens. */
export function tapDevice(tap: Tap, device: Device): DeviceTap {
  const end = tap.attach(device.native.times)
  const { chain, events } = device
  tap.onActive(active => {
    chain.set('seen', active ? inner => new Seen(inner, end, device) : undefined)
    events.set('seen', active ? (timeUs, view, offset, length) => end.event(timeUs, view, offset, length) : undefined)
    device.agent.channelSeen = active ? channelWrites(end, device) : undefined
  })
  return end
}

/** Longest request of a command that has fast channels, in words. */
const REQUEST_MAX = 8

/** Records writes to fast channels when they are noticed: as an event with the request that the write replaces. */
function channelWrites(tap: DeviceTap, { agent }: Device): ChannelSeen {
  const record = new DataView(new ArrayBuffer(HEADER_SIZE + STATUS_SIZE + 4 * REQUEST_MAX))
  return (protocolId, messageId, status, words) => {
    record.setUint32(0, packHeader(protocolId, messageId, CHANNEL_WRITE, 0), true)
    record.setInt32(HEADER_SIZE, status, true)
    for (const [i, word] of words.entries()) record.setUint32(HEADER_SIZE + STATUS_SIZE + 4 * i, word, true)
    tap.event(agent.platform.time.nowUs, record, 0, HEADER_SIZE + STATUS_SIZE + 4 * words.length)
  }
}

/** Records the requests of a batch before they are executed, and the replies before they are published. */
class Seen implements Answering {
  readonly #inner: Answering
  readonly #tap: DeviceTap
  readonly #device: Device

  constructor(inner: Answering, tap: DeviceTap, device: Device) {
    this.#inner = inner
    this.#tap = tap
    this.#device = device
  }

  /** Always gets a whole batch. */
  answer(first: number, end: number): void {
    const { windows, native } = this.#device
    this.#tap.requests(windows, native.batch, end)
    this.#inner.answer(first, end)
    this.#tap.replies(windows, native.batch, end)
  }
}
