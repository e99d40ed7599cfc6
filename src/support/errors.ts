import { inspect } from 'node:util'
import { printable, printableLines } from './printable.js'

/** An error of one line that is safe to print on a terminal: it may quote text of others. */
class LineError extends Error {
  constructor(message: string) {
    super(printable(message))
  }
}

/** A mistake of the operator: a bad option, file or path. Printed as one line without stack trace; exit code 2. */
export class OperatorError extends LineError {
  override name = 'OperatorError'
}

/** A failure that is neither the operator's mistake nor a bug, such as a device that is gone. One line; exit code 1. */
export class FailedError extends LineError {
  override name = 'FailedError'
}

/** The operator pressed Ctrl-C, or similar. Nothing is printed; exit code 130. */
export class InterruptedError extends Error {
  override name = 'InterruptedError'
}

/** Why a request to a running platform was refused; the names are gRPC's. */
export type Refusal = 'NOT_FOUND' | 'INVALID_ARGUMENT' | 'FAILED_PRECONDITION' | 'ALREADY_EXISTS' | 'RESOURCE_EXHAUSTED'

/** A refused request to a running platform. The text says what is wrong and what to do. */
export class RequestError extends OperatorError {
  override name = 'RequestError'
  readonly refusal: Refusal

  constructor(refusal: Refusal, message: string) {
    super(message)
    this.refusal = refusal
  }
}

/** The text of an unexpected error, which is a bug, with its stack trace. */
export function bugText(error: unknown): string {
  return printableLines(inspect(error))
}

/** The `code` of a system error (ENOENT, ECONNREFUSED …); undefined for other errors. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** A plug-in's bug while answering a message, which gets GENERIC_ERROR. */
export class PluginBug extends Error {
  override name = 'PluginBug'
  /** It has not been reported yet. */
  readonly isNews: boolean

  constructor(problem: string, isNews: boolean) {
    super(problem)
    this.isNews = isNews
  }
}
