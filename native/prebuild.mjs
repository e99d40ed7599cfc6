/**
 * Makes the binaries that the package brings along, in prebuilds/: `npm run prebuild`, and `npm pack` and `npm publish` by
 * themselves. One folder for each kind of machine, with the addon, the floor and the front end of `bench`, and with what
 * they need of the C library. Debian's compilers build them; libstdc++ is inside. Nothing is done for what is current.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const targets = [
  { arch: 'x64', tools: 'x86_64-linux-gnu-', packages: 'g++-x86-64-linux-gnu' },
  { arch: 'arm64', tools: 'aarch64-linux-gnu-', packages: 'g++-aarch64-linux-gnu' },
]
const PRODUCTS = ['vhost_user_scmi.node', 'native_floor.node', 'scmi_bench']
const SOURCES = ['binding.gyp', 'native']
/** glibc of Debian 12, RHEL 9 and Ubuntu 22.04; one binary that needs a newer one is refused. */
const NEWEST_GLIBC = '2.34'
/**
 * exclude-libs: symbols of our libstdc++ are not for Node. gc-sections: parts of it that nothing calls want a newer glibc.
 * libgcc_s stays shared, as Node has it loaded: the static one wants glibc 2.35.
 */
const LINKING = '-static-libstdc++ -Wl,--exclude-libs,ALL -Wl,--gc-sections -s'

function fail(message) {
  console.error(`prebuild: ${message}`)
  process.exit(1)
}

function newestChange(path) {
  const status = statSync(path)
  if (!status.isDirectory()) return /\.(cc|h|gyp|mjs)$/.test(path) ? status.mtimeMs : 0
  return Math.max(...readdirSync(path).map(name => newestChange(join(path, name))))
}

/** Versions of symbols that a file takes from shared libraries, as GLIBC_2.34. */
function neededVersions(tools, file) {
  const text = execFileSync(`${tools}objdump`, ['-T', file], { encoding: 'utf8' })
  return [...new Set([...text.matchAll(/\*UND\*.*\b([A-Z]+_[\d.]+)\b/g)].map(match => match[1]))]
}

const inOrder = (a, b) => a.localeCompare(b, 'en', { numeric: true })

/** The oldest glibc that has all of them. */
function neededGlibc(tools, files) {
  const all = files.flatMap(file => neededVersions(tools, file))
  const foreign = all.filter(name => !/^GLIBC_\d/.test(name) && !/^GCC_/.test(name))
  if (foreign.length > 0) fail(`needs more than the C library: ${foreign.join(', ')}`)
  const versions = all.filter(name => name.startsWith('GLIBC_')).map(name => name.slice('GLIBC_'.length))
  const needed = versions.sort(inOrder).at(-1)
  if (inOrder(needed, NEWEST_GLIBC) > 0)
    fail(`needs glibc ${needed}, and ${NEWEST_GLIBC} is promised: build on Debian 12`)
  return needed
}

/** Cross-compiles the targets of binding.gyp for one kind of machine, in a folder of its own; returns that of the products. */
export function crossBuild({ arch, tools, packages }, work, names = SOURCES) {
  const compiler = `${tools}g++`
  if (spawnSync(compiler, ['--version'], { stdio: 'ignore' }).error) {
    fail(`${compiler} is missing; on Debian: apt-get install ${packages}`)
  }
  // node-gyp builds where binding.gyp is: a folder of its own leaves the checkout's build alone.
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  for (const name of names) symlinkSync(join(root, name), join(work, name))
  const headers = dirname(dirname(process.execPath))
  const hasHeaders = existsSync(join(headers, 'include/node/node_api.h'))
  const env = {
    ...process.env,
    ...(hasHeaders && !process.env.npm_config_nodedir ? { npm_config_nodedir: headers } : {}),
    CC: `${tools}gcc`,
    CXX: compiler,
    AR: `${tools}ar`,
    LDFLAGS: LINKING,
  }
  const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  const args = [gyp, 'configure', 'build', `--arch=${arch}`, '--jobs', 'max']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: work, env, encoding: 'utf8' })
  if (status !== 0) fail(`linux-${arch} does not build\n${stdout.slice(-4000)}${stderr.slice(-4000)}`)
  return join(work, 'build/Release')
}

function build(target) {
  const { arch, tools } = target
  const work = join(root, 'build', 'prebuild', arch)
  const made = crossBuild(target, work)
  const folder = join(root, 'prebuilds', `linux-${arch}`)
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  const files = PRODUCTS.map(name => join(partial, name))
  PRODUCTS.forEach((name, i) => {
    copyFileSync(join(made, name), files[i])
    chmodSync(files[i], 0o755)
  })
  const glibc = neededGlibc(tools, files)
  writeFileSync(join(partial, 'needs.json'), `${JSON.stringify({ glibc })}\n`)
  rmSync(folder, { recursive: true, force: true })
  renameSync(partial, folder)
  rmSync(work, { recursive: true, force: true })
  console.error(`prebuild: linux-${arch}, for glibc ${glibc} and newer`)
}

function isCurrent({ arch }) {
  const record = join(root, 'prebuilds', `linux-${arch}`, 'needs.json')
  const made = statSync(record, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return made > Math.max(...SOURCES.map(name => newestChange(join(root, name))))
}

/** Which commit is packed: a package has no git to ask. */
function recordCommit() {
  const asked = spawnSync('git', ['describe', '--always', '--abbrev=40', '--dirty', '--exclude=*'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (asked.status !== 0) return
  const file = join(root, 'dist', 'release.json')
  const text = `${JSON.stringify({ commit: asked.stdout.trim() })}\n`
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const target of targets) if (!isCurrent(target)) build(target)
  if (existsSync(join(root, 'dist'))) recordCommit()
}
