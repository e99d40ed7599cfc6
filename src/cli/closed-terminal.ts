/**
 * Lets a command end in order whose terminal is gone (SIGHUP). Node gives terminals their modes back at the very end and aborts
 * where it can't, unless the descriptor has another file by then: /dev/null takes the place of such a terminal.
 */
import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

const terminals = [0, 1, 2].filter(fd => isatty(fd))

process.on('exit', () => {
  for (const fd of terminals) {
    if (isatty(fd)) continue
    closeSync(fd)
    // Gets the lowest number that is free: this one.
    openSync('/dev/null', 'r+')
  }
})
