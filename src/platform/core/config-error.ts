/** What the operator got wrong in a platform file: one problem, said in one line. */
import { OperatorError } from '../../support/errors.js'

/** Keys and list positions from the top of the file, or of a section, down to a field. */
export type ConfigPath = readonly (string | number)[]

export class ConfigError extends OperatorError {
  override name = 'ConfigError'
  readonly path: ConfigPath
  /** The problem and what to write instead, without place and field. */
  readonly problem: string
  /** `file:line:column`, once somebody who knows the text has added it. */
  readonly place: string | undefined

  /** `path` leads to the field; where a resource kind throws, it starts within the kind's section. */
  constructor(path: ConfigPath, problem: string, place?: string) {
    const text = clipped(problem)
    super([place, pathText(path), text].filter(Boolean).join(': '))
    this.path = path
    this.problem = text
    this.place = place
  }

  /** The same error with its path from the top of the file. */
  within(section: string): ConfigError {
    return new ConfigError([section, ...this.path], this.problem)
  }
}

/** A line on a terminal need not show each of 65,535 names. */
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

/** What was written in the file, as messages show it. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (value === '') return 'empty text'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  const text = String(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
