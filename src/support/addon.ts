/**
 * Finds the package's native parts: those built here, or else the prebuilt ones of the package (native/prebuild.mjs).
 */
import { accessSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { arch, platform } from 'node:process'
import { errorCode, FailedError } from './errors.js'

const require = createRequire(import.meta.url)
const root = dirname(require.resolve('#root/package.json'))
const prebuilds = join(root, 'prebuilds')

/** Products of binding.gyp: names in package.json, and file names. */
const files = {
  '#native': 'vhost_user_scmi.node',
  '#native-floor': 'native_floor.node',
  '#bench': 'scmi_bench',
} as const
type NativePart = keyof typeof files

/**
 * The file of a native part, and whether it is a prebuilt one. Throws FailedError if there is none for this machine.
 */
export function findNative(part: NativePart): { file: string; isPrebuilt: boolean } {
  try {
    return { file: require.resolve(part), isPrebuilt: false }
  } catch (error) {
    if (errorCode(error) !== 'MODULE_NOT_FOUND') throw error
  }
  const file = join(prebuilds, `${platform}-${arch}`, files[part])
  try {
    accessSync(file)
  } catch {
    throw new FailedError(howToBuild(`${files[part]} for ${platform}-${arch} is not there`))
  }
  return { file, isPrebuilt: true }
}

/** Loads an addon. Throws FailedError with build instructions if none works on this machine. */
export function loadAddon<T>(part: NativePart): T {
  const { file } = findNative(part)
  try {
    return require(file)
  } catch (error) {
    // Built for another or newer C library, another machine or another Node.
    throw new FailedError(
      howToBuild(`${basename(file)} does not load here: ${(error as Error).message.split('\n')[0]}`),
    )
  }
}

function howToBuild(fault: string): string {
  return `${fault}
${brought()}
To build it here, with g++ 11 or newer, make and python3:
  npm run addon --prefix ${root}`
}

/** The machines that the package has binaries for. */
function brought(): string {
  try {
    const kinds = readdirSync(prebuilds).map(kind => {
      const { glibc } = JSON.parse(readFileSync(join(prebuilds, kind, 'needs.json'), 'utf8')) as { glibc: string }
      return `${kind} with glibc ${glibc} or newer`
    })
    return `The package has binaries for ${kinds.join(' and ')}.`
  } catch {
    return 'The package has no binaries: this is a checkout, or part of one.'
  }
}
