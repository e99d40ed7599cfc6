/** Types of native/front_end_calls.cc, which only this file loads. It has what Node's `fs` cannot do. */
import { loadAddon } from '../support/addon.js'

export interface FrontEndCalls {
  /** Creates an anonymous file of `size` bytes; `sealed`: it can't shrink or grow, like QEMU's guest memory. */
  memfd(name: string, size: number, sealed: boolean): number
  /** Maps bytes of a file, shared, until `unmap`. `offset` is a multiple of the page size. */
  map(fd: number, offset: number, length: number): ArrayBuffer
  unmap(buffer: ArrayBuffer): void
  /** A non-blocking eventfd with count 0. */
  eventfd(): number
  /** Reads and clears the count of an eventfd; 0 if nobody signalled. */
  readEvent(fd: number): number
  writeEvent(fd: number, count: number): void
  /** Calls `readable` whenever `fd` is readable. The returned function ends this; call it before you close `fd`. */
  watch(fd: number, readable: () => void): () => void
  /** Connects a non-blocking stream socket to the one at `path`. */
  connect(path: string): number
  /** Sends bytes and descriptors. Returns the number of bytes sent, or -1 if the socket is full. */
  send(fd: number, bytes: Uint8Array, fds: readonly number[]): number
  /** Returns the number of bytes received: 0 at the end of the stream, -1 if none are there. Appends descriptors to `fds`. */
  receive(fd: number, into: Uint8Array, fds: number[]): number
}

let loaded: FrontEndCalls | undefined

/** Loads the addon on first use, because loading takes time. */
export function calls(): FrontEndCalls {
  loaded ??= loadAddon<{ frontEnd: FrontEndCalls }>('#native').frontEnd
  return loaded
}
