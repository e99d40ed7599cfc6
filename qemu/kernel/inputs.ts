/** The inputs of a kernel: the cache's key, the record of a build, and the reason for a build are made from them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { consumerSource } from '../guest/consumers.js'
import { hash } from '../support/files.js'
import { cachePath } from '../support/paths.js'
import type { Fragment } from './config.js'
import { COVERAGE_VARIABLE } from './coverage.js'
import { buildVariables, compilerOf } from './environment.js'
import type { Patch } from './patches.js'
import type { KernelSource } from './source.js'

/** Raised when the way a kernel is built changes, so that older kernels in the cache are not used. */
const RECIPE = '2'

/** Inputs by their names for people; contents as hashes. */
export interface Inputs {
  source: string
  compiler: string
  variables: string[]
  patches: string[]
  fragments: string[]
  'consumer module': string
  recipe: string
}

export interface KernelInputs {
  /** Names the kernel in the cache. */
  key: string
  inputs: Inputs
}

export function inputsOf(
  source: KernelSource,
  patches: Patch[],
  fragments: Fragment[],
  hasCoverage = false,
): KernelInputs {
  const textOf = ({ text }: { text: string }): string => text
  const compiler = compilerOf()
  const variables = [...buildVariables(), ...(hasCoverage ? [COVERAGE_VARIABLE] : [])]
  const texts = [...patches.map(textOf), '--', ...fragments.map(textOf), '--', ...consumerSource()]
  const named = ({ path, text }: { path: string; text: string }): string => `${basename(path)} ${hash(text)}`
  return {
    key: hash(RECIPE, source.id, compiler, ...texts, ...(variables.length > 0 ? ['--', ...variables] : [])),
    inputs: {
      source: source.id,
      compiler,
      variables,
      patches: patches.map(named),
      fragments: fragments.map(named),
      'consumer module': hash(...consumerSource()),
      recipe: RECIPE,
    },
  }
}

export interface Explanation extends KernelInputs {
  label: string
  /** Path of the Image, if the kernel is in the cache. */
  image?: string
  /** How the most similar kernel of the same source in the cache differs. */
  differs?: string[]
}

/** Why a kernel with these inputs is built, or is not. */
export function explain(label: string, { key, inputs }: KernelInputs): Explanation {
  const kernels = cachePath('kernels')
  const image = join(kernels, key, 'Image')
  if (existsSync(join(kernels, key, 'build.json'))) return { key, inputs, label, image }
  const others = existsSync(kernels) ? readdirSync(kernels).flatMap(name => recordOf(join(kernels, name), label)) : []
  const differences = others.map(other => differencesOf(inputs, other)).sort((a, b) => a.length - b.length)
  return { key, inputs, label, ...(differences[0] ? { differs: differences[0] } : {}) }
}

/** The inputs of a kernel in the cache; records of older versions have none. */
function recordOf(home: string, label: string): Inputs[] {
  const record = join(home, 'build.json')
  if (!existsSync(record)) return []
  const { source, inputs } = JSON.parse(readFileSync(record, 'utf8')) as { source: string; inputs?: Inputs }
  return source === label && inputs ? [inputs] : []
}

const differencesOf = (inputs: Inputs, other: Inputs): string[] =>
  (Object.keys(inputs) as (keyof Inputs)[]).filter(name => String(inputs[name]) !== String(other[name]))

/** The same for people. */
export function explanationText({ label, inputs, key, image, differs }: Explanation): string {
  const lines = Object.entries(inputs).map(([name, value]) => {
    const [first = 'none', ...rest] = [value].flat()
    return [`${name.padEnd(16)} ${first}`, ...rest.map(line => `${' '.repeat(16)} ${line}`)].join('\n')
  })
  const verdict = image
    ? `in the cache: ${image}`
    : differs
      ? `to be built: the nearest kernel in the cache differs in ${differs.join(', ')}`
      : `to be built: the cache has no kernel of ${label} whose inputs are recorded`
  return [...lines, `${'key'.padEnd(16)} ${key}`, verdict].join('\n')
}
