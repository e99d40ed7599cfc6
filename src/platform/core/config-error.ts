/** A mistake in a platform file, reported on one line. */
import { OperatorError } from '../../support/errors.js'

/** Keys and list positions that lead from the top of the file, or of a section, to a field. */
export type ConfigPath = readonly (string | number)[]

export class ConfigError extends OperatorError {
  override name = 'ConfigError'
  readonly path: ConfigPath
  /** The problem and what to write instead, without place and path. */
  readonly problem: string
  /** `file:line:column`; undefined until the place in the text is looked up. */
  readonly place: string | undefined

  /** `path` leads to the field. Resource kinds throw with paths that start within their section. */
  constructor(path: ConfigPath, problem: string, place?: string) {
    const text = clipped(problem)
    super([place, pathText(path), text].filter(Boolean).join(': '))
    this.path = path
    this.problem = text
    this.place = place
  }

  /** The same error with its path from the top of the file; `above` leads to where the path began. */
  within(...above: ConfigPath): ConfigError {
    return new ConfigError([...above, ...this.path], this.problem)
  }
}

/** A list of 65,535 names should not fill the terminal. */
const PROBLEM_MAX = 600
const clipped = (text: string): string => (text.length > PROBLEM_MAX ? `${text.slice(0, PROBLEM_MAX)}…` : text)

/** `clocks[1].rate` */
export function pathText(path: ConfigPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += text === '' ? show(part) : `.${show(part)}`
  }
  return text
}

/** A value of the file, as messages show it. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (value === '') return 'empty text'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  const text = String(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
