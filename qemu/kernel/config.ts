/** The kernel's configuration: allnoconfig and fragments, merged by the kernel's own script, then compared. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LabError } from '../support/errors.js'
import { readFileText } from '../support/given-file.js'
import { labFile } from '../support/paths.js'

export interface Fragment {
  path: string
  text: string
}

/** Ten times a whole configuration. */
const BYTES_MAX = 4_000_000

export const plain = 'plain'
const variantFolder = labFile('kernel', 'variants')
const configSuffix = '.config'

/** Kinds of kernel: plain, and one for each fragment of the folder `variants`, which it adds. */
export function variants(): string[] {
  const files = readdirSync(variantFolder).filter(name => name.endsWith(configSuffix))
  return [plain, ...files.map(name => basename(name, configSuffix)).sort()]
}

/** The lab's own fragments, then the variant's, then the user's, which win. */
export function readFragments(variant: string, extra: string[]): Fragment[] {
  if (!variants().includes(variant)) throw new LabError(`--variant ${variant}: give ${variants().join(', ')}`)
  const folder = labFile('kernel')
  const own = readdirSync(folder).filter(name => name.endsWith(configSuffix))
  const ofVariant = variant === plain ? [] : [join(variantFolder, `${variant}${configSuffix}`)]
  return [...own.sort().map(name => join(folder, name)), ...ofVariant, ...extra].map(path => {
    if (!existsSync(path)) throw new LabError(`--config ${path}: there is no such file`)
    return { path, text: readFileText(path, BYTES_MAX, '--config ') }
  })
}

/** An option that is not what a fragment asks for. */
export interface LostOption {
  name: string
  wanted: string
  got: string
}

const absent = 'n'

/** Options by name, as a fragment or a whole configuration has them; the last word counts. */
export function parseConfig(text: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const line of text.split('\n')) {
    const set = /^(CONFIG_\w+)=(.*)$/.exec(line)
    const unset = /^# (CONFIG_\w+) is not set$/.exec(line)
    if (set) options.set(set[1]!, set[2]!)
    else if (unset) options.set(unset[1]!, absent)
  }
  return options
}

/** What the fragments ask for and the configuration does not have, because a dependency is missing or the name is. */
export function lostOptions(fragments: Fragment[], config: string): LostOption[] {
  const wanted = parseConfig(fragments.map(fragment => fragment.text).join('\n'))
  const has = parseConfig(config)
  return [...wanted].flatMap(([name, value]) => {
    const got = has.get(name) ?? absent
    return got === value ? [] : [{ name, wanted: value, got }]
  })
}
