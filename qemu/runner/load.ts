/**
 * Finds scenarios: every host file below a folder, with the guest file beside it. A scenario is named after its path; the
 * members of a family have further names.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { LabError } from '../support/errors.js'
import { readFileText } from '../support/given-file.js'
import { labFile } from '../support/paths.js'
import { type Finding, readFindings } from './findings.js'
import type { Family, Scenario } from './scenario.js'

/** A scenario with its name, guest file and findings. */
export interface Entry {
  /** GROUP/NAME, or GROUP/NAME/MEMBER for a member of a family. */
  name: string
  group: string
  /** GROUP/NAME. */
  file: string
  scenario: Scenario
  /** Text of the group's guest file and its own. */
  guestScript: string
  /** Known findings. */
  findings: Finding[]
}

/** Functions that the guest files of a group share, if it has some. */
const GROUP_SCRIPT = 'group.sh'
/** A guest file is a few lines. */
const BYTES_MAX = 1_000_000
/** What a module may take to be imported: a user's, and one of the lab's, which tests compile first with all that it imports. */
const IMPORT_MS = { user: 10_000, own: 60_000 }

/** Modules beside this one are TypeScript in tests, JavaScript in the package. */
const extension = extname(fileURLToPath(import.meta.url))
const compiledFolder = fileURLToPath(new URL('../scenarios', import.meta.url))

/** The lab's own scenarios, by name. */
export const ownScenarios = (): Promise<Entry[]> => loadScenarios(labFile('scenarios'), compiledFolder, '.ts')

/** Scenarios of a user's folder: JavaScript modules. */
export const scenariosOf = (folder: string): Promise<Entry[]> => loadScenarios(resolve(folder), resolve(folder), '.mjs')

/** `folder` has the files; the modules to import are in `modules`, which is `folder` itself or its compiled form. */
async function loadScenarios(folder: string, modules: string, suffix: string): Promise<Entry[]> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new LabError(`${folder}: there is no such folder of scenarios`)
  const files = filesIn(folder).filter(file => file.endsWith(suffix) && statSync(join(folder, file)).isFile())
  if (files.length === 0) throw new LabError(`${folder}: there is no scenario (GROUP/NAME${suffix}) in it`)
  const names = files.map(file => file.slice(0, -suffix.length)).sort()
  const loaded = await Promise.all(
    names.map(name => loadFile(folder, join(modules, name + (suffix === '.ts' ? extension : suffix)), name)),
  )
  return loaded.flat()
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch (error) {
    throw new LabError(`${folder}: ${(error as Error).message}`)
  }
}

async function loadFile(folder: string, module: string, file: string): Promise<Entry[]> {
  const [group, ...rest] = file.split('/')
  if (rest.length !== 1) throw new LabError(`${join(folder, file)}: a scenario lies in GROUP/NAME`)
  const script = join(folder, `${file}.sh`)
  if (!existsSync(script)) throw new LabError(`${script} is missing: the guest file of scenario ${file}`)
  const exported = await importScenario(module)
  const record = join(folder, `${file}.findings.yaml`)
  const scripts = [join(folder, group!, GROUP_SCRIPT), script].filter(path => existsSync(path))
  const guestScript = scripts.map(path => readFileText(path, BYTES_MAX)).join('\n')
  const common = { group: group!, file, guestScript }
  if (isScenario(exported)) return [{ ...common, name: file, scenario: exported, findings: readFindings(record) }]
  const members = Object.keys(exported)
  const findings = readFindings(record, members)
  return members.map(member => ({
    ...common,
    name: `${file}/${member}`,
    scenario: exported[member]!,
    findings: findings.filter(({ members: about }) => about?.includes(member) ?? true),
  }))
}

/** What a module of the user's has as its default. Throws LabError in a line, whatever the module does. */
async function importScenario(module: string): Promise<Scenario | Family> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    const limitMs = module.endsWith('.mjs') ? IMPORT_MS.user : IMPORT_MS.own
    const text = `${module}: its import has not ended within ${limitMs / 1000} s`
    timer = setTimeout(() => reject(new LabError(text)), limitMs)
  })
  const imported = import(pathToFileURL(module).href).catch(error => {
    throw new LabError(`${module}: ${String(error).split('\n')[0]}`, { cause: error })
  })
  const { default: exported } = (await Promise.race([imported, tooLong]).finally(() => clearTimeout(timer))) as {
    default?: Scenario | Family
  }
  const scenarios = exported && (isScenario(exported) ? [exported] : Object.values(exported))
  if (!scenarios?.length || !scenarios.every(scenario => typeof scenario?.run === 'function')) {
    throw new LabError(`${module}: its default export is neither a scenario, { summary, run }, nor a map of them`)
  }
  return exported!
}

const isScenario = (exported: Scenario | Family): exported is Scenario => typeof exported.run === 'function'

/** Selects every scenario. */
const ALL = 'all'

/** The words that select a scenario. */
export const labelsOf = ({ name, group, file, scenario }: Entry): string[] => [
  ...[name, file].flatMap(path => [path, path.slice(group.length + 1)]),
  group,
  ...(scenario.tags ?? []),
  ALL,
]

/** What a run without words has. */
export const isQuick = ({ scenario }: Entry): boolean => !scenario.onlyInAll

/** The scenarios that any of these words selects, in the order of `entries`; all if there are no words. */
export function select(entries: readonly Entry[], words: readonly string[]): Entry[] {
  const unknown = words.find(word => !entries.some(entry => labelsOf(entry).includes(word)))
  if (unknown !== undefined) {
    throw new LabError(`no scenario has the name, group or tag "${unknown}"; "scmi-lab list" shows them`)
  }
  return entries.filter(entry => words.length === 0 || words.some(word => labelsOf(entry).includes(word)))
}
