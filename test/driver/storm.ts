/** A ring full of SCMI commands that are sent over and over: by this process, or by one on another core that never rests. */
import { CAPACITY, type Guest } from './guest.js'
import { sys } from './syscalls.js'

/** Room for a command. */
const REQUEST = 64

/**
 * Fills the command queue of a guest that is connected, whose ring is indirect and fresh, but sends nothing; `commands`
 * are words, the header first. Answers are checked by nobody: look at what the device counts.
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
  // Chain i is head i, for good: only avail.idx moves from now on.
  cmdq.nextAvailable = cmdq.nextUsed
}

/**
 * Sends `count` of them, all by default, and again when all are answered, so many times. Allocates nothing but what
 * turns of the loop cost.
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

/** Has a child process send them as fast as they are answered. Returns what ends it. */
export function startStorm(guest: Guest, commands: readonly (readonly number[])[], capacity?: number): () => void {
  fill(guest, commands, capacity)
  const { cmdq } = guest.driver
  const child = sys.forkDriver(cmdq.available, cmdq.usedHeader, cmdq.size, cmdq.kick, 1)
  return () => void sys.killChild(child)
}
