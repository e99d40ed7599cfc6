/** The operator is wrong: a bad option, file or path. Printed as one line, without a stack; exit code 2. */
export class OperatorError extends Error {
  override name = 'OperatorError'
}

/** The `code` of a system error (ENOENT, ECONNREFUSED …), or undefined if it is no such error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
