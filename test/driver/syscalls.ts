/** Types of syscalls.cc, which only this file loads. */
import { createRequire } from 'node:module'
import { calls } from '../../src/front-end/calls.js'

interface MockCalls {
  /** Non-blocking: reading end, writing end. */
  pipe(): [number, number]
  dup(fd: number): number
  socketPair(): [number, number]
  listen(path: string): number
  /** The next connection, or -1 if there is none yet. */
  accept(fd: number): number
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

/** What a front end asks of the system, and what only tests do. */
export const sys = { ...calls(), ...(createRequire(import.meta.url)('#front-end') as MockCalls) }
