import { inspect } from 'node:util'
import { printable, printableLines } from './printable.js'

/** An error of one line, fit for a terminal: it often names what others have written. */
class LineError extends Error {
  constructor(message: string) {
    super(printable(message))
  }
}

/** The operator is wrong: a bad option, file or path. Printed as one line, without a stack; exit code 2. */
export class OperatorError extends LineError {
  override name = 'OperatorError'
}

/** Something failed that is neither the operator's fault nor ours: a device that is gone. One line; exit code 1. */
export class FailedError extends LineError {
  override name = 'FailedError'
}

/** The operator pressed Ctrl-C, or something like it. Nothing is printed; exit code 130. */
export class InterruptedError extends Error {
  override name = 'InterruptedError'
}

/** Why a request to a running platform was not carried out; the names are gRPC's. */
export type Refusal = 'NOT_FOUND' | 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION' | 'ALREADY_EXISTS' | 'RESOURCE_EXHAUSTED'

/** A request to a running platform that can't be carried out. The text says what is wrong and what to do. */
export class RequestError extends OperatorError {
  override name = 'RequestError'
  readonly refusal: Refusal

  constructor(refusal: Refusal, message: string) {
    super(message)
    this.refusal = refusal
  }
}

/** All there is to say of an error that nobody expected: a bug, with its stack. */
export function bugText(error: unknown): string {
  return printableLines(inspect(error))
}

/** The `code` of a system error (ENOENT, ECONNREFUSED …), or undefined if it is no such error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** A bug of a plug-in, in answering a message: that gets GENERIC_ERROR. */
export class PluginBug extends Error {
  override name = 'PluginBug'
  /** Nobody has been told yet. */
  readonly isNews: boolean

  constructor(problem: string, isNews: boolean) {
    super(problem)
    this.isNews = isNews
  }
}
