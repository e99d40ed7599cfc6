/**
 * Messages about resources that an agent may not use: every command with every id in all versions, then random ones. None
 * may reveal or change anything.
 */
import { startProgress } from '../../src/support/progress.js'
import { Random } from '../driver/random.js'
import { type Outcome, permissionTable, tryRandomly, tryRow } from '../support/permission-table.js'
import { type Result, timed } from './result.js'

const MESSAGES = 1_000_000
/** Messages to one platform; the next one has other versions. */
const ROUND = 5000

export interface PermissionsOptions {
  seed: number
  /** Number of random messages. */
  messages?: number
  signal?: AbortSignal
}

export async function permissions({ seed, messages = MESSAGES, signal }: PermissionsOptions): Promise<Result[]> {
  const rows = permissionTable()
  const table = await timed('permissions', 'rows of command × id × owner', async () => {
    const { done, sent, failures } = await each(rows.length, row => tryRow(rows[row]!), signal)
    return { count: done, detail: `${sent} messages`, failures }
  })
  const atRandom = await timed('permissions', 'random messages of an agent with denied resources', async () => {
    const random = new Random(seed)
    const { sent, failures } = await each(Math.ceil(messages / ROUND), () => tryRandomly(random, ROUND), signal)
    return { count: sent, seed, failures }
  })
  return [table, atRandom]
}

/** Makes the attempts in turn, until one fails or `signal` aborts. */
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
    // Lets Ctrl-C be handled.
    await new Promise(resolve => setImmediate(resolve))
  }
  progress.stop()
  return { done, sent, failures }
}
