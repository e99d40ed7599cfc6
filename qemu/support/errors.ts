/**
 * The two kinds of failure a user of the lab meets: something they can put right (one line, exit status 2), and
 * something that went wrong while working (with the evidence, exit status 1).
 */
import { printableLines } from '../../src/support/printable.js'

/** A wrong option, a missing tool, a file that is not there: told in a line, without a stack. */
export class LabError extends Error {
  override name = 'LabError'
  readonly exitCode: number = 2

  constructor(message: string, options?: ErrorOptions) {
    super(printableLines(message), options)
  }
}

/** Work that failed although it was asked for correctly: a build, a download, a boot. */
export class WorkError extends LabError {
  override name = 'WorkError'
  override readonly exitCode = 1
}

/** The user stopped the work. */
export class InterruptedError extends LabError {
  override name = 'InterruptedError'
  override readonly exitCode = 130
  /** A child had to be killed: what it was writing may be half a file. */
  readonly wasForced: boolean

  constructor(wasForced = false) {
    super('interrupted')
    this.wasForced = wasForced
  }
}

/** The guest did not do what was asked of it; the message ends with the console's tail and a line that reproduces. */
export class GuestError extends WorkError {
  override name = 'GuestError'
  readonly reason: GuestFailure
  /** The message without its ending. */
  readonly summary: string
  /** All that the guest's console had said. */
  readonly console: string

  constructor(reason: GuestFailure, summary: string, { ending = '', console = '' } = {}) {
    super(summary + ending)
    this.reason = reason
    this.summary = summary
    this.console = console
  }
}

/** `timeout`: one command took too long. `hang`: the guest itself no longer answers. */
export type GuestFailure = 'exited' | 'panic' | 'hang' | 'timeout' | 'refused'
