/** Waits for a condition, with a time limit. Nothing here sleeps: the event loop turns until the condition holds. */

export const LIMIT_MS = 10_000

/** Resolves when `condition` holds; rejects, naming `what`, when it still doesn't after `limitMs`. */
export function until(condition: () => boolean, what: string | (() => string), limitMs = LIMIT_MS): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = performance.now() + limitMs
    const look = () => {
      try {
        if (condition()) resolve()
        else if (performance.now() < deadline) setImmediate(look)
        else reject(new Error(`not after ${limitMs} ms: ${typeof what === 'string' ? what : what()}`))
      } catch (error) {
        reject(error)
      }
    }
    look()
  })
}

/** Lets the event loop turn `count` times, which gives the device time to do something wrong. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}
