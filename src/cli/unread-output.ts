/** What becomes of a command whose output nobody reads to its end, as in `platform show large | head`, or that cannot be written. */
import { errorCode } from '../support/errors.js'

const EXIT_FAILURE = 1

/** `stop` is called when the reader is gone, possibly more than once; `command` is the name for messages. */
export function onUnreadOutput(command: string, stop: () => void): void {
  process.stdout.on('error', error => {
    if (errorCode(error) === 'EPIPE') {
      stop()
      return
    }
    console.error(`${command}: can't write the output: ${error.message}`)
    process.exit(EXIT_FAILURE)
  })
}
