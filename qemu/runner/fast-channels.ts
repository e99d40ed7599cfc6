/** Platforms with fast channels, and what both sides tell of their use. */
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import type { Context } from './context.js'

export const SHARED = { address: 0x4f00_0000, size: 0x1_0000 }
/** How long a busy guest may take. */
export const LIMIT_MS = 10_000

export const cpu = (fast_channels: unknown) => ({
  shared_memory: SHARED,
  perf_domains: [
    {
      name: 'cpu',
      levels: [600, 1200, 1800].map(level => ({ level, power: level })),
      sustained_frequency: '1800 MHz',
      fast_channels,
    },
  ],
})

/** How often a message was sent, and how often its channel was written. */
export function countsOf(t: Context, message: string): { messages: number; writes: number } {
  const found = t.device.stats().protocols.flatMap(({ messages }) => messages.filter(({ name }) => name === message))
  const [one] = found
  return { messages: (one?.succeeded ?? 0) + (one?.failed ?? 0), writes: one?.fastChannel.SUCCESS ?? 0 }
}

export const levelOf = (t: Context): number => t.server.platform.model(perfDomains).named('cpu').level.level

/** Asks for a frequency; the platform must have the level soon. */
export async function setLevel(t: Context, because: string, level: number): Promise<void> {
  await t.step(`ask for ${level} MHz`)
  await t.call('ask_frequency', [level * 1000])
  await t.expect(`the platform has level ${level}`, { because, got: () => levelOf(t), is: level, withinMs: LIMIT_MS })
}
