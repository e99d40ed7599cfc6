/** Files that the user of the lab names, or that lie beside scenarios: pipes, folders and endless files among them. */
import { errorCode, OperatorError } from '../../src/support/errors.js'
import { readGivenBytes } from '../../src/support/given-file.js'
import { whyUnreadable } from '../../src/support/path-error.js'
import { LabError } from './errors.js'

/** The bytes of a whole file. `named` begins errors, such as `--patch `. Throws LabError for what can't be read or is larger. */
export function readFileBytes(path: string, bytesMax: number, named = ''): Buffer {
  try {
    return readGivenBytes(path, bytesMax)
  } catch (error) {
    if (error instanceof OperatorError) throw new LabError(`${named}${error.message}`)
    if (errorCode(error) === undefined) throw error
    throw new LabError(`${named}${path}: ${whyUnreadable(error)}`)
  }
}

/** The same as text. */
export const readFileText = (path: string, bytesMax: number, named = ''): string =>
  readFileBytes(path, bytesMax, named).toString('utf8')
