/** What all `ctl` commands do: connect, print as asked for, and end in good order. */
import { ControlClient } from '../../access/control/client.js'
import { printable, printableJson } from '../../support/printable.js'
import { ENDING_SIGNALS } from '../signals.js'

/** Of all commands. */
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

/** Prints a line of what the device says. */
export function printLine(text: string): void {
  console.log(printable(text))
}

/** Prints one reply. */
export function printJson(reply: unknown): void {
  console.log(printableJson(reply, 2, present))
}

/** Prints one of many, on a line. */
export function printJsonLine(message: unknown): void {
  console.log(printableJson(message, undefined, present))
}

/** Counts what was not printed because nobody read; `tell` is told once somebody does. */
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
 * Whether what was printed gets read. Who prints without end must not go on if it does not: Node keeps all that its standard
 * output can't take at once.
 */
export function isPrintedRead(): boolean {
  return !process.stdout.writableNeedDrain
}
