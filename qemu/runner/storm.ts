/** Many commands at once from several processes of the guest, each answer compared: guest/scmi-storm.c. */
import { WorkError } from '../support/errors.js'
import type { Context } from './context.js'

/** Processes that send, each with one command under way. */
const SENDERS = 4

/**
 * A node's property, for a storm beside readings. A command whose token a reading has is tried again after a tenth of this
 * (scenario load/token-in-use): with the minute that virtio.c waits for answers, four senders would stand still for 6 s.
 */
export const SOON_TRIED_AGAIN = 'arm,max-rx-timeout-ms = <5000>;'

/** What became of the commands; each number is explained in guest/scmi-storm.c. */
export type Counts = Record<'sent' | 'answered' | 'refused' | 'wrong' | 'lost' | 'stray', number> & {
  /** The first answers that were not right, with their bytes and what was expected instead. */
  surprises?: string[]
}

/**
 * Starts it in the background, once it knows the right answers; `expectStorm` waits for its end. `file` of the raw mode
 * takes the commands.
 */
export async function startStorm(t: Context, ms: number, file = 'message'): Promise<void> {
  await t.call('start_storm', [SENDERS, Math.round(ms * t.patience), file])
}

/** The storm is over: every command has had its answer, and the right one, but for `refused` of them. */
export async function expectStorm(t: Context, because: string, refused: () => number = () => 0): Promise<Counts> {
  return t.expect('every command gets its own answer, once', {
    because,
    got: async () => parse(await t.call('end_storm', [], { timeoutMs: 120_000 })),
    is: ({ sent, answered, refused: seen, wrong, lost, stray }) =>
      answered >= SENDERS && seen === refused() && answered + seen === sent && wrong + lost + stray === 0,
  })
}

/** A storm that failed has said why instead. */
function parse(text: string): Counts {
  const [line] = /^sent .*$/m.exec(text) ?? []
  if (line === undefined) throw new WorkError(text)
  const counts = [...line.matchAll(/(\w+) (\d+)/g)].map(([, name, count]) => [name!, Number(count)])
  const surprises = text.match(/^(wrong|stray): .*$/gm)
  return { ...Object.fromEntries(counts), ...(surprises && { surprises: [...surprises] }) } as Counts
}

/** Notifications that a device has got rid of: those that its driver took, and, if it took too long, those given up. */
export const handledNotifications = (t: Context): number => {
  const { notificationsSent, notificationsDropped } = t.device.stats()
  return notificationsSent + notificationsDropped
}
