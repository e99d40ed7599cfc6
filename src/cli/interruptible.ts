/** Work that a signal interrupts: it cleans up after itself, then the command ends. */
import { InterruptedError } from '../support/errors.js'
import { ENDING_SIGNALS } from './signals.js'

/** Throws InterruptedError if a signal came meanwhile. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = new AbortController()
  const stop = () => stopping.abort()
  for (const name of ENDING_SIGNALS) process.once(name, stop)
  try {
    return await work(stopping.signal)
  } catch (error) {
    if (stopping.signal.aborted) throw new InterruptedError()
    throw error
  } finally {
    for (const name of ENDING_SIGNALS) process.off(name, stop)
  }
}
