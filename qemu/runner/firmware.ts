/**
 * What the kernel makes of what a platform tells: its clocks, and resources as drivers use them. The drivers are there from
 * the start: built in, they are probed before the guest's first process; modules are loaded before a scenario runs.
 */
import type { Context } from './context.js'
import { type Family, family, type Scenario } from './scenario.js'

/** A platform with an oddity, and what the kernel must make of it. */
interface Board extends Scenario {
  /** The keys of the platform file, without its vendor. */
  platform: Record<string, unknown>
}

/** Scenarios for boards of a vendor that Linux has no quirks for. */
export const boards = (table: Record<string, Board>, quick?: readonly string[]): Family =>
  family(table, ({ platform, ...rest }) => ({ ...rest, platform: { vendor: 'acme', ...platform } }), quick)

/** The kernel has these clocks and no others: NAME RATE LOWEST-HIGHEST. */
export async function expectClocks(t: Context, because: string, is: string[]): Promise<void> {
  const got = async () => (await t.call('clocks')).split('\n').filter(Boolean).sort()
  await t.expect('the kernel has these clocks', { because, got, is: [...is].sort() })
}

type Kind = 'clocks' | 'regulators' | 'resets' | 'power-domains' | 'perf-domains'

/** A driver writes `value` to a file of the lab's consumer; what it reads then, or the error's text, must be `is`. */
export async function expectUse(
  t: Context,
  what: string,
  because: string,
  [kind, name, file, value]: [kind: Kind, name: string, file: string, value?: number],
  is: string | RegExp,
): Promise<void> {
  const words = [kind, name, file, ...(value === undefined ? [] : [value])]
  await t.expect(what, { because, got: () => t.call('use', words), is })
}
