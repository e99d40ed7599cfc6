/** What all `ctl` commands do: connect, print as asked for, and end in good order. */
import { ControlClient } from '../../control/client.js'
import type { CtlOptions } from '../ctl.js'
import { ENDING_SIGNALS } from '../signals.js'

/** Runs `use` with a connection. */
export async function withDevice<T>({ control }: CtlOptions, use: (client: ControlClient) => Promise<T>): Promise<T> {
  const client = await ControlClient.open(control)
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

/** Runs `stream` until it is over, or the user has seen enough; `end` of its signal is no error. */
export async function untilInterrupted(stream: (signal: AbortSignal, end: () => void) => Promise<void>): Promise<void> {
  const abort = new AbortController()
  const end = () => abort.abort()
  for (const name of ENDING_SIGNALS) process.once(name, end)
  try {
    await stream(abort.signal, end)
  } finally {
    for (const name of ENDING_SIGNALS) process.off(name, end)
  }
}

/** Fields that are not there are left out. */
function present(_key: string, value: unknown): unknown {
  return value === null ? undefined : value
}

/** Prints one reply. */
export function printJson(reply: unknown): void {
  console.log(JSON.stringify(reply, present, 2))
}

/** Prints one of many, on a line. */
export function printJsonLine(message: unknown): void {
  console.log(JSON.stringify(message, present))
}
