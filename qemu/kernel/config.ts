/** The kernel's configuration: allnoconfig plus fragments, merged by the kernel's own script, then checked. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { target } from '../support/architectures.js'
import { LabError } from '../support/errors.js'
import { readFileText } from '../support/given-file.js'
import { labFile } from '../support/paths.js'

export interface Fragment {
  path: string
  text: string
}

/** Ten times a whole configuration. */
const BYTES_MAX = 4_000_000

export const PLAIN = 'plain'
const VARIANT_FOLDER = labFile('kernel', 'variants')
const SERIES_FOLDER = labFile('kernel', 'series')
const CONFIG_SUFFIX = '.config'
const DEBUG_INFO = labFile('kernel', 'gdb', 'debug-info.config')

/** The variants: plain, and one for each fragment in the folder `variants`. */
export function variants(): string[] {
  const files = readdirSync(VARIANT_FOLDER).filter(name => name.endsWith(CONFIG_SUFFIX))
  return [PLAIN, ...files.map(name => basename(name, CONFIG_SUFFIX)).sort()]
}

/** Of an architecture other than arm64: its own fragment, and which of the lab's it cannot have. */
const ARCHITECTURE_FOLDER = labFile('kernel', 'architectures')
const NOT_FOR: Record<string, string[]> = { arm64: [], arm: ['nxp.config'] }

/** Fragments for series that are not in Linux: of those whose options the patches add. */
function seriesOf(patches: readonly { text: string }[]): string[] {
  const added = new Set(patches.flatMap(({ text }) => [...text.matchAll(/^\+config (\w+)/gm)].map(([, name]) => name!)))
  const files = readdirSync(SERIES_FOLDER)
    .sort()
    .map(name => join(SERIES_FOLDER, name))
  const options = (path: string) => [...parseConfig(readFileText(path, BYTES_MAX, '')).keys()]
  return files.filter(path => options(path).some(name => added.has(name.replace(/^CONFIG_/, ''))))
}

/** The lab's fragments, then the architecture's, those of series, debug information, the variant's, the user's; later ones win. */
export function readFragments(
  variant: string,
  extra: string[],
  hasDebugInfo = false,
  patches: readonly { text: string }[] = [],
): Fragment[] {
  if (!variants().includes(variant)) throw new LabError(`--variant ${variant}: give ${variants().join(', ')}`)
  const folder = labFile('kernel')
  const { name: arch } = target()
  const own = readdirSync(folder).filter(name => name.endsWith(CONFIG_SUFFIX) && !NOT_FOR[arch]!.includes(name))
  const ofArchitecture = arch === 'arm64' ? [] : [join(ARCHITECTURE_FOLDER, `${arch}${CONFIG_SUFFIX}`)]
  const ofDebugInfo = hasDebugInfo ? [DEBUG_INFO] : []
  const ofVariant = variant === PLAIN ? [] : [join(VARIANT_FOLDER, `${variant}${CONFIG_SUFFIX}`)]
  const all = [
    ...own.sort().map(name => join(folder, name)),
    ...ofArchitecture,
    ...seriesOf(patches),
    ...ofDebugInfo,
    ...ofVariant,
    ...extra,
  ]
  return all.map(path => {
    if (!existsSync(path)) throw new LabError(`--config ${path}: there is no such file`)
    return { path, text: readFileText(path, BYTES_MAX, '--config ') }
  })
}

/** An option whose value is not the one that a fragment sets. */
export interface LostOption {
  name: string
  wanted: string
  got: string
}

const ABSENT = 'n'

/** The options of a fragment or a whole configuration, by name; the last value counts. */
export function parseConfig(text: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const line of text.split('\n')) {
    const set = /^(CONFIG_\w+)=(.*)$/.exec(line)
    const unset = /^# (CONFIG_\w+) is not set$/.exec(line)
    if (set) options.set(set[1]!, set[2]!)
    else if (unset) options.set(unset[1]!, ABSENT)
  }
  return options
}

/** Options of the fragments that the configuration does not have: a dependency is missing, or there is no such option. */
export function lostOptions(fragments: Fragment[], config: string): LostOption[] {
  const wanted = parseConfig(fragments.map(fragment => fragment.text).join('\n'))
  const has = parseConfig(config)
  return [...wanted].flatMap(([name, value]) => {
    const got = has.get(name) ?? ABSENT
    return got === value ? [] : [{ name, wanted: value, got }]
  })
}
