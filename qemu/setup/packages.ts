/**
 * Debian packages as a source of files: downloaded and unpacked, never installed. apt fetches them and checks signatures,
 * with its state in the cache, so that the machine's package lists and sources are not changed; without apt, mirror.ts does.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WorkError } from '../support/errors.js'
import { withLock } from '../support/lock.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'
import { hasApt, requireTools, TOOLS, TOOLS_FOR } from '../support/tools.js'
import { debianMirror } from './apt-sources.js'
import {
  type DebianPackage,
  downloadFromMirror,
  findOnMirror,
  type PackageOptions,
  USUAL_ARCHITECTURE,
  unpackArchive,
} from './mirror.js'

/** One release for all hosts, so that Debian 12 and 13 build from the same sources. */
const SUITES = ['trixie', 'trixie-backports']
/** Of the backports only kernel sources are used, which are for all machines. */
const suitesFor = ({ architecture = USUAL_ARCHITECTURE }: PackageOptions): string[] =>
  architecture === USUAL_ARCHITECTURE ? SUITES : SUITES.slice(0, 1)

/** The newest version of a package (of an architecture, or for all machines) on the mirror; fetches the package lists. */
export function findPackage(name: string, options: PackageOptions): Promise<DebianPackage> {
  return withLock(cachePath('apt.lock'), options, () => look(name, options))
}

async function look(name: string, options: PackageOptions): Promise<DebianPackage> {
  requireTools(...TOOLS_FOR.packages)
  if (!hasApt()) {
    const found = await findOnMirror(name, debianMirror(), suitesFor(options), options)
    if (!found) throw new WorkError(`Debian has no ${name} (${debianMirror()})`)
    return found
  }
  await updateLists(options)
  const text = await apt('apt-cache', ['show', '--no-all-versions', name], options).catch(async error => {
    if (!(error instanceof WorkError)) throw error
    const near = name.replace(/[\d.]+$/, '')
    const names = await apt('apt-cache', ['pkgnames', near], options)
    throw new WorkError(
      `Debian has no ${name} (${debianMirror()}); it has ${names.trim().split('\n').sort().join(', ')}`,
    )
  })
  const version = /^Version: (\S+)$/m.exec(text)?.[1]
  if (!version) throw new WorkError(`apt-cache shows no version of ${name}`)
  return { name, version }
}

/** Downloads a package that was found into a folder, and returns the path of the .deb. */
export async function downloadPackage(found: DebianPackage, folder: string, options: PackageOptions): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const label = `downloading ${found.name} ${found.version}`
  options.progress.update(label)
  if (!hasApt()) return downloadFromMirror(found, debianMirror(), folder, options)
  await apt('apt-get', ['-o', 'APT::Status-Fd=3', 'download', `${found.name}=${found.version}`], options, {
    cwd: folder,
    onStatus: line => options.progress.update(label, downloadFraction(line)),
  })
  const file = readdirSync(folder).find(name => name.startsWith(`${found.name}_`) && name.endsWith('.deb'))
  if (!file) throw new WorkError(`apt-get download left no ${found.name} in ${folder}`)
  return join(folder, file)
}

/** Downloads a package and all that it depends on into a folder, and returns the .debs' paths. Needs apt. */
export async function downloadWithDependencies(
  name: string,
  folder: string,
  options: PackageOptions,
): Promise<string[]> {
  await findPackage(name, options)
  mkdirSync(join(folder, 'partial'), { recursive: true })
  const label = `downloading ${name} and what it depends on`
  options.progress.update(label)
  const words = ['-o', `Dir::Cache::archives=${folder}`, '-o', 'APT::Status-Fd=3', '--no-install-recommends', '--yes']
  await apt('apt-get', [...words, 'install', '--download-only', name], options, {
    onStatus: line => options.progress.update(label, downloadFraction(line)),
  })
  const debs = readdirSync(folder).filter(file => file.endsWith('.deb'))
  return debs.map(file => join(folder, file))
}

/** Unpacks a .deb's files below a folder. */
export async function unpackPackage(deb: string, folder: string, options: PackageOptions): Promise<void> {
  if (!hasApt()) return unpackArchive(deb, folder, options)
  mkdirSync(folder, { recursive: true })
  await run('dpkg-deb', ['--extract', deb, folder], { signal: options.signal })
}

/** apt's status line "dlstatus:1:43.5:Retrieving …" as a fraction. */
const downloadFraction = (line: string): number | undefined => {
  const match = /^dlstatus:[^:]*:([\d.]+):/.exec(line)
  return match ? Number(match[1]) / 100 : undefined
}

async function updateLists(options: PackageOptions): Promise<void> {
  const mirror = debianMirror()
  const lines = suitesFor(options).map(suite => `deb [signed-by=${TOOLS.keyring.file}] ${mirror} ${suite} main\n`)
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'none']) {
    mkdirSync(aptPath(options, folder), { recursive: true })
  }
  writeFileSync(aptPath(options, 'sources.list'), lines.join(''))
  writeFileSync(aptPath(options, 'status'), '')
  options.progress.update(`reading Debian's package lists from ${mirror}`)
  await apt('apt-get', ['update', '--error-on=any'], options)
}

/** A path of apt's state, which each architecture has for itself. */
const aptPath = ({ architecture = USUAL_ARCHITECTURE }: PackageOptions, ...parts: string[]): string =>
  cachePath(architecture === USUAL_ARCHITECTURE ? 'apt' : `apt-${architecture}`, ...parts)

/** Runs apt with its own state; proxies and the like still come from the machine's apt.conf. */
function apt(
  program: 'apt-get' | 'apt-cache',
  args: string[],
  options: PackageOptions,
  extra: { cwd?: string; onStatus?: (line: string) => void } = {},
): Promise<string> {
  const settings = {
    'Dir::State': aptPath(options, 'state'),
    'Dir::State::status': aptPath(options, 'status'),
    'Dir::Cache': aptPath(options, 'cache'),
    'Dir::Etc::SourceList': aptPath(options, 'sources.list'),
    'Dir::Etc::SourceParts': aptPath(options, 'none'),
    'Dir::Etc::PreferencesParts': aptPath(options, 'none'),
    'Dir::Etc::Preferences': '/dev/null',
    'APT::Architecture': options.architecture ?? USUAL_ARCHITECTURE,
    'APT::Architectures': options.architecture ?? USUAL_ARCHITECTURE,
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
  }
  const words = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  const env = { ...process.env, LC_ALL: 'C.UTF-8' }
  return run(program, [...words, ...args], { ...extra, env, signal: options.signal, what: `${program} ${args[0]}` })
}
