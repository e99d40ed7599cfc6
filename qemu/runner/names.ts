/** Names for completion of `scmi-lab`'s command line: scenarios, kernels, variants, presets. */
import type { Candidate, Find, Names } from '../../src/cli/completion/candidates.js'
import { presetNames } from '../../src/platform/file/presets.js'
import { variants } from '../kernel/config.js'
import { DEBIAN_KERNELS } from '../kernel/source.js'
import { LabError } from '../support/errors.js'
import { labelsOf, ownScenarios, scenariosOf } from './load.js'

const oneOf = (texts: readonly string[]): Find => {
  const all = texts.map(text => ({ text }))
  return async () => all
}

/** Scenarios with their summaries, then groups and tags, each once. */
const selections: Find = async ({ values: { scenarios }, operands }) => {
  const entries = await (scenarios === undefined ? ownScenarios() : scenariosOf(scenarios)).catch(error => {
    // The command itself reports a wrong folder.
    if (error instanceof LabError) return []
    throw error
  })
  const found = new Map<string, Candidate>()
  for (const { name, scenario } of entries) found.set(name, { text: name, description: scenario.summary })
  for (const text of entries.flatMap(labelsOf)) if (!found.has(text)) found.set(text, { text })
  return [...found.values()].filter(({ text }) => !operands.includes(text))
}

const kernels = oneOf(Object.keys(DEBIAN_KERNELS))

export const NAMES: Names = {
  finders: {
    'name|tag': selections,
    kernel: kernels,
    source: kernels,
    variant: oneOf(variants()),
    platform: oneOf(presetNames()),
  },
}
