/** A ring full of SCMI commands that are sent repeatedly: by this process, or by a child process that never sleeps. */
import { CAPACITY, type Guest } from './guest.js'
import { sys } from './syscalls.js'

/** Room for a command. */
const REQUEST = 64

/**
 * Fills the command queue of a connected guest, whose ring must be new and indirect, and sends nothing yet. `commands` are
 * words, the header first. Replies are not checked: use the device's statistics.
 */
function fill({ driver, memory }: Guest, commands: readonly (readonly number[])[], capacity = CAPACITY): void {
  const { cmdq } = driver
  for (let i = 0; i < cmdq.size; i++) {
    const words = commands[i % commands.length]!
    const request = memory.allocate(REQUEST)
    const view = memory.view(request, REQUEST)
    for (const [j, word] of words.entries()) view.setUint32(4 * j, word, true)
    const readable = [{ at: request, length: 4 * words.length }]
    const writable = [{ at: memory.allocate(capacity), length: capacity }]
    cmdq.post({ readable, writable, form: 'indirect' })
  }
  // Chain i keeps head i: from now on only avail.idx moves.
  cmdq.nextAvailable = cmdq.nextUsed
}

/**
 * Sends `count` of them, by default all, and again when all are answered, `times` times. Allocates nothing; turns of the
 * event loop do.
 */
export function startRounds(
  guest: Guest,
  commands: readonly (readonly number[])[],
): (rounds: number, count?: number) => Promise<void> {
  fill(guest, commands)
  const { cmdq } = guest.driver
  return (rounds, count = cmdq.size) =>
    new Promise(resolve => {
      let left = rounds
      const turn = (): void => {
        if (cmdq.usedIdx === cmdq.nextAvailable) {
          if (left === 0) {
            resolve()
            return
          }
          left--
          cmdq.nextAvailable = cmdq.nextUsed = (cmdq.nextAvailable + count) & 0xffff
          cmdq.publish()
        }
        setImmediate(turn)
      }
      turn()
    })
}

/** Starts a child process that sends them as fast as they are answered. Returns the function that ends it. */
export function startStorm(guest: Guest, commands: readonly (readonly number[])[], capacity?: number): () => void {
  fill(guest, commands, capacity)
  const { cmdq } = guest.driver
  const child = sys.forkDriver(cmdq.available, cmdq.usedHeader, cmdq.size, cmdq.kick, 1)
  return () => void sys.killChild(child)
}
