/** A storm: several processes of the guest send commands at once, and compare each reply (guest/scmi-storm.c). */
import { WorkError } from '../support/errors.js'
import type { Context } from './context.js'

/** Processes that send, each with one command in flight. */
const SENDERS = 4

/**
 * A property of the SCMI node, for a storm beside readings. When a reading holds a command's token, the kernel tries again
 * after a tenth of this timeout (scenario load/token-in-use): with virtio.c's default of a minute, a sender would stop
 * for 6 s.
 */
export const SOON_TRIED_AGAIN = 'arm,max-rx-timeout-ms = <5000>;'

/** Counts of a storm, explained in guest/scmi-storm.c. */
export type Counts = Record<'sent' | 'answered' | 'refused' | 'wrong' | 'lost' | 'stray', number> & {
  /** The first wrong or stray replies, with their bytes and the right ones. */
  surprises?: string[]
}

/**
 * Starts a storm in the background; resolves when it has the right replies and begins to send. `expectStorm` waits for its
 * end. Commands go to `file` of the raw mode.
 */
export async function startStorm(t: Context, ms: number, file = 'message'): Promise<void> {
  await t.call('start_storm', [SENDERS, Math.round(ms * t.patience), file])
}

/** Waits for the storm's end: every command got the right reply, except for `refused` of them. */
export async function expectStorm(t: Context, because: string, refused: () => number = () => 0): Promise<Counts> {
  return t.expect('every command gets its own answer, once', {
    because,
    got: async () => parse(await t.call('end_storm', [], { timeoutMs: 120_000 })),
    is: ({ sent, answered, refused: seen, wrong, lost, stray }) =>
      answered >= SENDERS && seen === refused() && answered + seen === sent && wrong + lost + stray === 0,
  })
}

/** Parses the output; a storm that failed printed why instead. */
function parse(text: string): Counts {
  const [line] = /^sent .*$/m.exec(text) ?? []
  if (line === undefined) throw new WorkError(text)
  const counts = [...line.matchAll(/(\w+) (\d+)/g)].map(([, name, count]) => [name!, Number(count)])
  const surprises = text.match(/^(wrong|stray): .*$/gm)
  return { ...Object.fromEntries(counts), ...(surprises && { surprises: [...surprises] }) } as Counts
}

/** Notifications that have left the device's queue: delivered to the driver, or dropped because it was too slow. */
export const handledNotifications = (t: Context): number => {
  const { notificationsSent, notificationsDropped } = t.device.stats()
  return notificationsSent + notificationsDropped
}
