/**
 * The lab's kinds of errors: what the user can correct (one line, exit code 2), work that failed (with the evidence, exit
 * code 1), and kernels that cannot be tested (125).
 */
import { printableLines } from '../../src/support/printable.js'

/** A wrong option, a missing tool, a missing file: printed on one line, without a stack trace. */
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
  override readonly exitCode: number = 1
}

/** A kernel that cannot be tested: it does not build, or does not boot for reasons of its own. `git bisect run` skips it. */
export class UntestableError extends WorkError {
  override name = 'UntestableError'
  override readonly exitCode = 125
}

/** The user stopped the work. */
export class InterruptedError extends LabError {
  override name = 'InterruptedError'
  override readonly exitCode = 130
  /** A child process had to be killed: the file that it was writing may be incomplete. */
  readonly wasForced: boolean

  constructor(wasForced = false) {
    super('interrupted')
    this.wasForced = wasForced
  }
}

/** The guest failed. The message ends with the console's last lines and the command lines that reproduce it. */
export class GuestError extends WorkError {
  override name = 'GuestError'
  readonly reason: GuestFailure
  /** The message without its ending. */
  readonly summary: string
  /** The output of the guest's console. */
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
