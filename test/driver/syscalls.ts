/** The typed surface of syscalls.cc, and its only import. What Node's `fs` can do to a descriptor is done with `fs`. */
import { createRequire } from 'node:module'

interface Syscalls {
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
  /** Non-blocking: reading end, writing end. */
  pipe(): [number, number]
  dup(fd: number): number
  socketPair(): [number, number]
  connect(path: string): number
  listen(path: string): number
  /** The next connection, or -1 if there is none yet. */
  accept(fd: number): number
  /** Bytes sent together with the descriptors, or -1 if the socket is full. */
  send(fd: number, bytes: Uint8Array, fds: readonly number[]): number
  /** Bytes received, 0 at the end of the stream, -1 if there are none yet. Descriptors are appended to `fds`. */
  receive(fd: number, into: Uint8Array, fds: number[]): number
  /**
   * A child process that offers `heads` chains for ever, as fast as they come back, and does nothing else. `mode` says
   * when it kicks: 0 always, 1 if used.flags ask for it, 2 if avail_event does, which is then the last word of `used`.
   */
  forkDriver(available: Uint16Array, used: Uint16Array, heads: number, kick: number, mode: 0 | 1 | 2): number
  /** A child process that stores `one` and `other` in word `at`, in turn, as fast as it can. */
  forkFlip(words: Uint32Array, at: number, one: number, other: number): number
  /** Kills such a child and waits until its descriptors are closed. */
  killChild(pid: number): void
}

export const sys = createRequire(import.meta.url)('#front-end') as Syscalls
