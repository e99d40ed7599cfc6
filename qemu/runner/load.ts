/** Finds scenarios: every host file below a folder, with the guest file beside it. The path names the scenario. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { LabError } from '../errors.js'
import { labFile } from '../paths.js'
import { type Finding, readFindings } from './findings.js'
import type { Scenario } from './scenario.js'

/** A scenario and where it comes from. */
export interface Entry {
  /** GROUP/NAME. */
  name: string
  group: string
  scenario: Scenario
  /** Text of the guest file. */
  guestScript: string
  /** What kernels are known to do wrong in it. */
  findings: Finding[]
}

/** Modules beside this one are TypeScript in tests, JavaScript in the package. */
const extension = extname(fileURLToPath(import.meta.url))
const compiledFolder = fileURLToPath(new URL('../scenarios', import.meta.url))

/** The lab's own scenarios, by name. */
export const ownScenarios = (): Promise<Entry[]> => loadScenarios(labFile('scenarios'), compiledFolder, '.ts')

/** Scenarios of a folder of the user's: JavaScript modules. */
export const scenariosOf = (folder: string): Promise<Entry[]> => loadScenarios(resolve(folder), resolve(folder), '.mjs')

/** `folder` has the files; the modules to import are in `modules`, which is `folder` itself or its compiled form. */
async function loadScenarios(folder: string, modules: string, suffix: string): Promise<Entry[]> {
  if (!existsSync(folder)) throw new LabError(`${folder}: there is no such folder of scenarios`)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith(suffix))
  if (files.length === 0) throw new LabError(`${folder}: there is no scenario (GROUP/NAME${suffix}) in it`)
  const names = files.map(file => file.slice(0, -suffix.length)).sort()
  return Promise.all(
    names.map(name => loadScenario(folder, join(modules, name + (suffix === '.ts' ? extension : suffix)), name)),
  )
}

async function loadScenario(folder: string, module: string, name: string): Promise<Entry> {
  const [group, ...rest] = name.split('/')
  if (rest.length !== 1) throw new LabError(`${join(folder, name)}: a scenario lies in GROUP/NAME`)
  const script = join(folder, `${name}.sh`)
  if (!existsSync(script)) throw new LabError(`${script} is missing: the guest file of scenario ${name}`)
  const { default: scenario } = (await import(pathToFileURL(module).href)) as { default: Scenario }
  const findings = readFindings(join(folder, `${name}.findings.yaml`))
  return { name, group: group!, scenario, guestScript: readFileSync(script, 'utf8'), findings }
}

/** Everything a scenario is selected by. */
export const labelsOf = ({ name, group, scenario }: Entry): string[] => [
  name,
  name.slice(group.length + 1),
  group,
  ...(scenario.tags ?? []),
]

/** The scenarios that any of these words names, in their own order; all if there are no words. */
export function select(entries: readonly Entry[], words: readonly string[]): Entry[] {
  const unknown = words.find(word => !entries.some(entry => labelsOf(entry).includes(word)))
  if (unknown !== undefined) {
    throw new LabError(`no scenario has the name, group or tag "${unknown}"; "scmi-lab list" shows them`)
  }
  return entries.filter(entry => words.length === 0 || words.some(word => labelsOf(entry).includes(word)))
}
