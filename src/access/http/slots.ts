/**
 * Limits the connections of a door. When all are taken, the oldest idle one is closed: so nobody can keep others out by
 * opening connections that send nothing.
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

  /** Called for a new connection. Returns whether it may stay; otherwise it is closed. */
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
