/** The guest's shell on the user's terminal, for a machine whose console is a pipe. The device keeps running. */
import type { Guest } from '../guest/guest.js'

/** Ctrl-A X ends the shell from outside, as in QEMU's own terminal. */
const ESCAPE = '\x01'
const LEAVE = `${ESCAPE}x`
/** Ctrl-D: end of input for a shell. */
const END_OF_INPUT = '\x04'

/** Resolves when the user has left the shell, by "exit" or Ctrl-A X. Rejects if the guest dies. */
export async function shellOnTerminal(guest: Guest): Promise<void> {
  const { stdin, stdout } = process
  const size = stdout.isTTY ? `stty rows ${stdout.rows} columns ${stdout.columns}; ` : ''
  // A job is a session of its own: the first terminal that it opens becomes its controlling terminal.
  const shell = guest.run(`exec <>/dev/ttyAMA0 >&0 2>&1; ${size}exec sh -l`, { timeoutMs: 0 })
  let last = ''
  let type!: (keys: Buffer) => void
  const left = new Promise<void>(leave => {
    type = keys => {
      const text = keys.toString('latin1')
      if ((last + text).includes(LEAVE)) return leave()
      last = text.slice(-ESCAPE.length)
      guest.vm.type(text)
    }
  })
  const end = () => guest.vm.type(END_OF_INPUT)
  guest.vm.onText = text => {
    // What nobody reads is not kept.
    if (!stdout.writableNeedDrain) stdout.write(text)
  }
  if (stdin.isTTY) stdin.setRawMode(true)
  stdin.on('data', type).on('end', end)
  try {
    await Promise.race([shell, left])
  } finally {
    guest.vm.onText = undefined
    stdin.off('data', type).off('end', end).pause()
    if (stdin.isTTY) stdin.setRawMode(false)
  }
}
