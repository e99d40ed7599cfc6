/** The fast channels of powercap domains: of the domain, and from version 3.0 on of each of its limits. */
import type { PowercapDomain } from '../platform/powercaps/domain.js'
import type { PowerCap } from '../platform/powercaps/limit.js'
import type { FastChannels } from './declaration/fast-channels.js'

/** Commands that have fast channels. In version 3.0, PAI is the MAI: the averaging interval of measurements. */
export const CAP_GET = 0x4
export const CAP_SET = 0x5
export const PAI_GET = 0x6
export const PAI_SET = 0x7
export const MEASUREMENTS_GET = 0x9
export const CAI_GET = 0xe
export const CAI_SET = 0xf

/** What channels need of the view. */
interface View {
  readonly isV3: boolean
  readonly channels: FastChannels<PowercapDomain>
  readonly powercaps: { measure(domain: PowercapDomain): number }
  capOf(limit: PowerCap): number
  paiOf(domain: PowercapDomain): number
  setCap(domain: PowercapDomain, limit: PowerCap, cap: number): number
  setInterval(domain: PowercapDomain, limit: PowerCap, us: number): number
  setPai(domain: PowercapDomain, us: number): number
  measureFor(domain: PowercapDomain): void
}

/**
 * Linux asks for all channels of a domain that has some, and warns of those that there are not: so they are there even if
 * the value is fixed, and writing them is refused.
 */
export function addChannels(view: View, resource: PowercapDomain): void {
  const { fastChannels, caps } = resource
  if (!fastChannels) return
  const { channels } = view
  const { set, get, ...options } = fastChannels
  const word = { resource, words: 1, ...options } as const
  for (const limit of caps) {
    const { index } = limit
    const cap = { ...word, index, exists: () => index === 0 || view.isV3, read: () => view.capOf(limit) }
    const cai = { ...word, index, exists: () => view.isV3, read: () => limit.intervalUs }
    if (get.has('cap')) channels.get({ ...cap, messageId: CAP_GET })
    if (set.has('cap')) {
      const request = (id: number, to: number) => (view.isV3 ? [id, index, 0, to] : [id, 0, to])
      channels.set({ ...cap, messageId: CAP_SET, write: to => view.setCap(resource, limit, to), request })
    }
    if (get.has('cai')) channels.get({ ...cai, messageId: CAI_GET })
    if (set.has('cai')) {
      const write = (us: number) => view.setInterval(resource, limit, us)
      channels.set({ ...cai, messageId: CAI_SET, write, request: (id, us) => [id, 0, us, index] })
    }
  }
  const pai = { ...word, read: () => view.paiOf(resource) }
  if (get.has('pai')) channels.get({ ...pai, messageId: PAI_GET })
  if (set.has('pai')) {
    const write = (us: number) => view.setPai(resource, us)
    channels.set({ ...pai, messageId: PAI_SET, write, request: (id, us) => [id, 0, us] })
  }
  if (get.has('power') && resource.source) {
    channels.get({ ...word, messageId: MEASUREMENTS_GET, read: () => view.powercaps.measure(resource) })
    view.measureFor(resource)
  }
}
