/** The typed surface of native/front_end_calls.cc, and its only import. What Node's `fs` can do to a descriptor is done with `fs`. */
import { loadAddon } from '../support/addon.js'

export interface FrontEndCalls {
  /** An anonymous file of `size` bytes; `sealed` as QEMU seals guest memory: it can't shrink or grow any more. */
  memfd(name: string, size: number, sealed: boolean): number
  /** Maps bytes of a file, shared. `offset` is a multiple of the page size. Lives until `unmap`. */
  map(fd: number, offset: number, length: number): ArrayBuffer
  unmap(buffer: ArrayBuffer): void
  /** A non-blocking eventfd with count 0. */
  eventfd(): number
  /** Takes the count of an eventfd; 0 if nobody signalled. */
  readEvent(fd: number): number
  writeEvent(fd: number, count: number): void
  /** Calls `readable` whenever there is something to read, until the returned function is called, before `fd` is closed. */
  watch(fd: number, readable: () => void): () => void
  /** A non-blocking stream socket that is connected to the one at `path`. */
  connect(path: string): number
  /** Bytes sent together with the descriptors, or -1 if the socket is full. */
  send(fd: number, bytes: Uint8Array, fds: readonly number[]): number
  /** Bytes received, 0 at the end of the stream, -1 if there are none yet. Descriptors are appended to `fds`. */
  receive(fd: number, into: Uint8Array, fds: number[]): number
}

let loaded: FrontEndCalls | undefined

/** Not before they are needed: the addon takes time to load. */
export function calls(): FrontEndCalls {
  loaded ??= loadAddon<{ frontEnd: FrontEndCalls }>('#native').frontEnd
  return loaded
}
