/** What an agent may not use: every command with every id, in all versions, then at random. Nothing is told or changed. */
import { startProgress } from '../../src/support/progress.js'
import { Random } from '../driver/random.js'
import { type Outcome, permissionTable, tryRandomly, tryRow } from '../support/permission-table.js'
import { type Result, timed } from './result.js'

const MESSAGES = 1_000_000
/** Messages after which another platform, with other versions, is built. */
const ROUND = 5000

export interface PermissionsOptions {
  seed: number
  /** At random. */
  messages?: number
  signal?: AbortSignal
}

export async function permissions({ seed, messages = MESSAGES, signal }: PermissionsOptions): Promise<Result[]> {
  const rows = permissionTable()
  const table = await timed('permissions', 'rows of command × id × owner', async () => {
    const { done, sent, failures } = await each(rows.length, row => tryRow(rows[row]!), signal)
    return { count: done, detail: `${sent} messages`, failures }
  })
  const atRandom = await timed('permissions', 'random messages of an agent that is denied things', async () => {
    const random = new Random(seed)
    const { sent, failures } = await each(Math.ceil(messages / ROUND), () => tryRandomly(random, ROUND), signal)
    return { count: sent, seed, failures }
  })
  return [table, atRandom]
}

/** One after the other, until one goes wrong or the signal comes. */
async function each(count: number, attempt: (i: number) => Outcome, signal: AbortSignal | undefined) {
  const progress = startProgress('permissions')
  const failures: string[] = []
  let sent = 0
  let done = 0
  for (; done < count && failures.length === 0 && !signal?.aborted; done++) {
    const outcome = attempt(done)
    sent += outcome.messages
    failures.push(...outcome.problems)
    progress.update('messages', done / count, `${sent}`)
    // Ctrl-C is to be heard.
    await new Promise(resolve => setImmediate(resolve))
  }
  progress.stop()
  return { done, sent, failures }
}
