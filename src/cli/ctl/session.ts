/** What all `ctl` commands share: connecting, output, and a clean end. */
import { ControlClient } from '../../access/control/client.js'
import { printable, printableJson } from '../../support/printable.js'
import { ENDING_SIGNALS } from '../signals.js'

/** Options of all `ctl` commands. */
export interface CtlOptions {
  control: string
  json?: boolean
}

/** Runs `use` with a connection. */
export async function withDevice<T>({ control }: CtlOptions, use: (client: ControlClient) => Promise<T>): Promise<T> {
  const client = await ControlClient.open(control)
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

/** Runs `stream` until it ends or the user interrupts it; ending because of `signal` is not an error. */
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

/** Leaves out absent fields. */
function present(_key: string, value: unknown): unknown {
  return value === null ? undefined : value
}

/** Prints a line of text from the device. */
export function printLine(text: string): void {
  console.log(printable(text))
}

/** Prints one reply. */
export function printJson(reply: unknown): void {
  console.log(printableJson(reply, 2, present))
}

/** Prints one of many messages, on a line. */
export function printJsonLine(message: unknown): void {
  console.log(printableJson(message, undefined, present))
}

/** Counts what was not printed because the output was not read; calls `tell` once it is read again. */
export class Unread {
  count = 0

  constructor(tell: (count: number) => void) {
    process.stdout.on('drain', () => {
      if (this.count > 0) tell(this.count)
      this.count = 0
    })
  }
}

/**
 * Whether the reader of the output keeps up. Endless commands must stop printing if not: Node buffers everything that
 * stdout can't take.
 */
export function isPrintedRead(): boolean {
  return !process.stdout.writableNeedDrain
}
