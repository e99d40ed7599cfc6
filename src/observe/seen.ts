/** The links of the answering chain and the event queue that record messages in the tap. */
import type { Answering } from '../device/answering.js'
import type { Device } from '../device/device.js'
import type { DeviceTap, Tap } from './tap.js'

/** Also records the messages of `device` from now on. The link is in the chain only while somebody listens. */
export function tapDevice(tap: Tap, device: Device): DeviceTap {
  const end = tap.attach(device.native.times)
  const { chain, events } = device
  tap.onActive(active => {
    chain.set('seen', active ? inner => new Seen(inner, end, device) : undefined)
    events.set('seen', active ? (timeUs, view, offset, length) => end.event(timeUs, view, offset, length) : undefined)
  })
  return end
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
