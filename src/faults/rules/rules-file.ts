/** Fault rules in files: those of a platform file, and files that have nothing else. */
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../../platform/core/config-error.js'
import { explain, type KnownKeys } from '../../platform/file/config-issues.js'
import { ConfigSource } from '../../platform/file/config-source.js'
import { errorCode, OperatorError } from '../../support/errors.js'
import { readGivenFile } from '../../support/given-file.js'
import { whyUnreadable } from '../../support/path-error.js'
import { compileChecked, type Known, type ReadyRule } from './compile.js'
import { type CheckedRule, type FaultRule, fileRules } from './rule.js'

/** Size limit of the file; the parser has its own limit of characters. */
const BYTES_MAX = 2_000_000

const rulesMap = z.strictObject({ faults: fileRules })

/**
 * The rules of a file: a list in YAML or JSON, or a map with the list under `faults`. Throws ConfigError of one line
 * that names file, line, field and allowed values.
 */
export function readRulesFile(path: string, known: Known): ReadyRule[] {
  const source = new ConfigSource(textOf(path), path)
  const data = source.data()
  if (typeof data !== 'object' || data === null) {
    throw source.error({
      path: [],
      text: 'is not a list of fault rules, nor a map with the key faults',
      place: 'value',
    })
  }
  const schema = Array.isArray(data) ? fileRules : rulesMap
  const result = schema.safeParse(data, { reportInput: true })
  if (!result.success) {
    const keys = z.toJSONSchema(schema, { io: 'input' }) as KnownKeys
    throw source.first(result.error.issues.flatMap(issue => explain(issue, keys)))
  }
  try {
    if (Array.isArray(result.data)) return readyRules(data as FaultRule[], result.data, [], known)
    return readyRules((data as { faults: FaultRule[] }).faults, result.data.faults, ['faults'], known)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw source.error({ path: error.path, text: error.problem, place: 'value' })
  }
}

/** Checks the rules of a list that fits the schema. Throws ConfigError; `above` leads to the list. */
export function readyRules(
  given: readonly FaultRule[],
  checked: readonly CheckedRule[],
  above: ConfigPath,
  known: Known,
): ReadyRule[] {
  return checked.map((rule, i) => {
    try {
      return { given: given[i]!, match: compileChecked(rule, known) }
    } catch (error) {
      throw error instanceof ConfigError ? error.within(...above, i) : error
    }
  })
}

function textOf(path: string): string {
  try {
    return readGivenFile(path, BYTES_MAX)
  } catch (error) {
    if (error instanceof OperatorError) throw new ConfigError([], error.message)
    if (errorCode(error) === undefined) throw error
    throw new ConfigError([], whyUnreadable(error), path)
  }
}
