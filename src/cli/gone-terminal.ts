/**
 * Lets commands end in order when their terminal is closed; imported first by both commands. At exit Node restores the settings of the
 * terminals at descriptors 0 to 2, and aborts if that fails, as it does for a closed terminal. It skips closed descriptors.
 */
import { closeSync, fstatSync } from 'node:fs'
import { isatty } from 'node:tty'

const STANDARD = [0, 1, 2]

const terminals = STANDARD.filter(isatty)

process.on('exit', () => {
  for (const fd of terminals) if (isGone(fd)) closeSync(fd)
})

/** Whether it is open, but no terminal any more. */
function isGone(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && !isatty(fd)
  } catch {
    // Closed by now.
    return false
  }
}
