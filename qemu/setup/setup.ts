/**
 * `scmi-lab setup`: installs what the lab needs from Debian, and names it. If nothing is missing it changes nothing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Progress, startProgress } from '../../src/support/progress.js'
import { LabError, WorkError } from '../support/errors.js'
import { run } from '../support/process.js'
import type { Extra } from '../support/tool.js'
import {
  extraOf,
  fault,
  findProgram,
  hasApt,
  isForTests,
  requireExactly,
  TOOLS,
  type ToolName,
} from '../support/tools.js'
import { aptSources, debianMirror, SOURCES_FOLDER } from './apt-sources.js'
import { installLine, systemOf } from './systems.js'

/** Releases whose QEMU is too old, and the suites with a newer one. */
const BACKPORTS: Record<string, string> = { bookworm: 'bookworm-backports' }

const APT_OPTIONS = ['-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=600', '-o', 'APT::Color=0']

interface SetupOptions {
  /** Also installs what only the project's tests need. */
  forTests?: boolean
  /** Also installs what only these options of the lab need. */
  extras?: readonly Extra[]
  /** Only these tools; default: those that the lab needs. */
  names?: readonly ToolName[]
  signal?: AbortSignal | undefined
  progress?: Progress
}

/** Installs what is missing; resolves with the names of the packages. */
export async function setup(options: SetupOptions = {}): Promise<string[]> {
  const isWanted = (name: ToolName): boolean => {
    const extra = extraOf(name)
    return extra ? (options.extras ?? []).includes(extra) : options.forTests || !isForTests(name)
  }
  const everyday = (Object.keys(TOOLS) as ToolName[]).filter(isWanted)
  const wanting = (options.names ?? everyday).filter(name => fault(name))
  const packages = [...new Set(wanting.flatMap(name => TOOLS[name].package.split(' ')))]
  if (packages.length === 0) return []
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  if (!hasApt()) {
    const faults = wanting.map(name => `${fault(name)}, needed to ${TOOLS[name].purpose}`)
    throw new LabError(`${faults.join('\n')}\nNo apt-get here; ${installLine(systemOf(release), packages)}`)
  }

  const codename = /^VERSION_CODENAME=(\S+)/m.exec(release)?.[1] ?? ''
  const newer = BACKPORTS[codename]
  const suite = wanting.some(name => TOOLS[name].package === TOOLS.qemu.package) ? newer : undefined
  const rest = packages.filter(name => !suite || name !== TOOLS.qemu.package)
  const progress = options.progress ?? startProgress('setup')
  const root = privileged(options.signal)
  try {
    if (suite) await addSuite(suite, progress, root)
    progress.note(
      `installing with apt-get: ${[...rest, ...(suite ? [`qemu-system-arm (from ${suite})`] : [])].join(' ')}`,
    )
    await refreshLists(progress, root)
    // In this order, so that installing QEMU takes only missing packages from the newer suite.
    if (rest.length) await installSomehow(rest, newer && isKnown(newer) ? newer : undefined, progress, root)
    if (suite) await install(['-t', suite, TOOLS.qemu.package], progress, root)
    requireExactly(...wanting)
    progress.done(`${packages.length} packages installed`)
    return packages
  } catch (error) {
    progress.stop()
    throw error
  }
}

type RunAsRoot = (words: string[], extra?: { stdin?: string; onLine?: (line: string) => void }) => Promise<string>

/** Runs a command as root: directly, or through sudo, which may ask for a password on the terminal. */
function privileged(signal: AbortSignal | undefined): RunAsRoot {
  const isRoot = process.getuid?.() === 0
  if (!isRoot && !findProgram('sudo')) throw new LabError('setup installs packages: run it as root, or install sudo')
  const prefix = isRoot ? [] : ['sudo']
  return (words, extra = {}) => {
    const [command, ...args] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8', ...words]
    return run(command!, args, {
      ...extra,
      signal,
      keepTerminal: !isRoot,
      what: words
        .filter(word => /^[a-z]/.test(word))
        .slice(0, 2)
        .join(' '),
    })
  }
}

/** Adds a suite to apt's sources, unless it is there: one file of ours, named after the suite. */
async function addSuite(suite: string, progress: Progress, root: RunAsRoot): Promise<void> {
  if (isKnown(suite)) return
  const file = join(SOURCES_FOLDER, `${suite}.sources`)
  progress.note(`adding ${file}, for a newer QEMU`)
  const stanza = [
    'Types: deb',
    `URIs: ${debianMirror()}`,
    `Suites: ${suite}`,
    'Components: main',
    `Signed-By: ${TOOLS.keyring.file}`,
  ]
  await root(['tee', file], { stdin: `${stanza.join('\n')}\n` })
}

/** Whether apt's sources have the suite. */
const isKnown = (suite: string): boolean =>
  aptSources().some(text => text.split('\n').some(line => !line.startsWith('#') && line.includes(suite)))

/** Fetches the package lists. A source that fails is reported but not fatal: the install may work without it. */
async function refreshLists(progress: Progress, root: RunAsRoot): Promise<void> {
  const onLine = (line: string) => progress.update('reading package lists', undefined, line)
  await root(['apt-get', ...APT_OPTIONS, 'update'], { onLine }).catch(error => {
    if (!(error instanceof WorkError)) throw error
    progress.note(error.message)
  })
}

/** Installs packages. If the machine has libraries from a newer suite, their dependencies must come from there, too. */
async function installSomehow(
  packages: string[],
  newer: string | undefined,
  progress: Progress,
  root: RunAsRoot,
): Promise<void> {
  try {
    await install(packages, progress, root)
  } catch (error) {
    if (!newer || !(error instanceof WorkError)) throw error
    progress.note(`the release's own packages do not fit what is installed; trying ${newer}`)
    await install(['-t', newer, ...packages], progress, root)
  }
}

async function install(packages: string[], progress: Progress, root: RunAsRoot): Promise<void> {
  let total = 0
  let steps = 0
  const onLine = (line: string) => {
    const counted = /(\d+) upgraded, (\d+) newly installed/.exec(line)
    if (counted) total = 2 * (Number(counted[1]) + Number(counted[2]))
    if (/^(Unpacking|Setting up) /.test(line)) steps += 1
    progress.update('installing', total ? steps / total : undefined, line)
  }
  await root(['apt-get', ...APT_OPTIONS, 'install', '-y', '--no-install-recommends', ...packages], { onLine })
}
