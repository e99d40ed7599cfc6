/** Values on the command line: numbers, texts, and JSON for everything else. */
import { OperatorError } from '../../support/errors.js'

export type CliValue = string | number | boolean | object

/** `5`, `-5` and `0x1f` are numbers if they are exact; lists and maps are JSON. */
export function cliValue(text: string): CliValue {
  if (/^-?(\d{1,15}|0x[0-9a-f]{1,13})$/i.test(text)) return Number(text)
  if (!/^[[{]/.test(text)) return text
  try {
    return JSON.parse(text) as object
  } catch (error) {
    throw new OperatorError(`${text} is not JSON: ${(error as Error).message}`)
  }
}

/** Values by key, from `key=value` texts. */
export function keyedValues(texts: readonly string[]): Record<string, CliValue> {
  return Object.fromEntries(
    texts.map(text => {
      const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
      if (key === undefined || value === undefined) throw new OperatorError(`${text} is not name=value`)
      return [key, cliValue(value)]
    }),
  )
}
