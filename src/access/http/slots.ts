/**
 * How many connections a door has, and who loses one when all are taken: the oldest that asks for nothing. So whoever opens
 * connections and says nothing can't keep others out.
 */
import type { Socket } from 'node:net'

export class Slots {
  readonly #max: number
  /** Oldest first. */
  readonly #sockets = new Set<Socket>()
  readonly #isSilent: (socket: Socket) => boolean

  constructor(max: number, isSilent: (socket: Socket) => boolean) {
    this.#max = max
    this.#isSilent = isSilent
  }

  /** A connection has come. Returns whether it may stay; if not, it is gone. */
  admit(socket: Socket): boolean {
    if (this.#sockets.size >= this.#max) {
      const loser = [...this.#sockets].find(this.#isSilent) ?? socket
      this.#sockets.delete(loser)
      loser.destroy()
      if (loser === socket) return false
    }
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return true
  }
}
