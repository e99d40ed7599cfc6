/**
 * `scmi-lab setup`: installs what the lab needs from Debian, and says so. With everything in place it only looks.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Progress, startProgress } from '../../src/support/progress.js'
import { LabError, WorkError } from '../support/errors.js'
import { run } from '../support/process.js'
import { fault, findProgram, hasApt, isForTests, requireTools, type ToolName, tools } from '../support/tools.js'
import { aptSources, debianMirror, sourcesFolder } from './apt-sources.js'
import { installLine, systemOf } from './systems.js'

/** Releases whose own QEMU is too old, and where a newer one comes from. */
const backports: Record<string, string> = { bookworm: 'bookworm-backports' }

const aptOptions = ['-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=600', '-o', 'APT::Color=0']

interface SetupOptions {
  /** Whether the project's own tests are to run, too. */
  forTests?: boolean
  /** Just these; default: what the lab needs. */
  names?: readonly ToolName[]
  signal?: AbortSignal | undefined
  progress?: Progress
}

/** Installs what is missing; resolves with the names of the packages. */
export async function setup(options: SetupOptions = {}): Promise<string[]> {
  const everyday = (Object.keys(tools) as ToolName[]).filter(name => options.forTests || !isForTests(name))
  const wanting = (options.names ?? everyday).filter(name => fault(name))
  const packages = [...new Set(wanting.map(name => tools[name].package))]
  if (packages.length === 0) return []
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  if (!hasApt()) {
    const faults = wanting.map(name => `${fault(name)}, needed to ${tools[name].purpose}`)
    throw new LabError(`${faults.join('\n')}\nNo apt-get here; ${installLine(systemOf(release), packages)}`)
  }

  const codename = /^VERSION_CODENAME=(\S+)/m.exec(release)?.[1] ?? ''
  const newer = backports[codename]
  const suite = wanting.includes('qemu') ? newer : undefined
  const rest = packages.filter(name => !suite || name !== tools.qemu.package)
  const progress = options.progress ?? startProgress('setup')
  const root = privileged(options.signal)
  try {
    if (suite) await addSuite(suite, progress, root)
    progress.note(
      `installing with apt-get: ${[...rest, ...(suite ? [`qemu-system-arm (from ${suite})`] : [])].join(' ')}`,
    )
    await refreshLists(progress, root)
    // In this order: QEMU's turn takes from the newer suite only what is not there yet.
    if (rest.length) await installSomehow(rest, newer && isKnown(newer) ? newer : undefined, progress, root)
    if (suite) await install(['-t', suite, tools.qemu.package], progress, root)
    requireTools(...wanting)
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

/** Makes a suite known to apt, unless it is: one file of ours, named after the suite. */
async function addSuite(suite: string, progress: Progress, root: RunAsRoot): Promise<void> {
  if (isKnown(suite)) return
  const file = join(sourcesFolder, `${suite}.sources`)
  progress.note(`adding ${file}, for a newer QEMU`)
  const stanza = [
    'Types: deb',
    `URIs: ${debianMirror()}`,
    `Suites: ${suite}`,
    'Components: main',
    `Signed-By: ${tools.keyring.file}`,
  ]
  await root(['tee', file], { stdin: `${stanza.join('\n')}\n` })
}

/** Whether some source of apt's names the suite. */
const isKnown = (suite: string): boolean =>
  aptSources().some(text => text.split('\n').some(line => !line.startsWith('#') && line.includes(suite)))

/** Fetches the package lists. A foreign source that fails is told, not fatal: what matters is whether install works. */
async function refreshLists(progress: Progress, root: RunAsRoot): Promise<void> {
  const onLine = (line: string) => progress.update('reading package lists', undefined, line)
  await root(['apt-get', ...aptOptions, 'update'], { onLine }).catch(error => {
    if (!(error instanceof WorkError)) throw error
    progress.note(error.message)
  })
}

/** Installs packages; on a machine that has some libraries of a newer suite, their companions must come from there. */
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
  await root(['apt-get', ...aptOptions, 'install', '-y', '--no-install-recommends', ...packages], { onLine })
}
