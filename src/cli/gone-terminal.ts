/**
 * Lets commands end in order when their terminal is closed; imported by what is started. At its end Node gives the terminal
 * of descriptors 0 to 2 the settings that it began with, and aborts if that fails, as it does once the terminal is gone. It
 * passes over descriptors that are closed.
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
