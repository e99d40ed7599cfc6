/**
 * Sets up a fresh clone: npm packages, the native addon, compiled TypeScript, Debian packages. Plain JavaScript without
 * dependencies, because it runs before there are any. Each step prints one line, or none if there is nothing to do; a step
 * that fails leaves earlier builds as they are. --tests adds what only the tests need. --build-only builds and installs
 * nothing: that is npm's "prepare", which npx runs each time in a checkout.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const SHOWN_LINES = 25
const TICK_MS = 1000
/** The first version with zlib.crc32. */
const OLDEST_NODE = '20.15'

const at = (...parts) => join(root, ...parts)

/** Time of the last change; 0 if there is no such file. */
const changed = path => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Time of the last change of any file in a folder. */
function newest(folder, pattern) {
  if (!existsSync(folder)) return 0
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile() && pattern.test(entry.name))
  return Math.max(0, ...files.map(entry => changed(join(entry.parentPath ?? entry.path, entry.name))))
}

/** Points node-gyp to the headers beside this Node, where official archives have them, so that it needs no network. */
function environment() {
  const prefix = dirname(dirname(process.execPath))
  const hasHeaders = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  if (!hasHeaders || process.env.npm_config_nodedir) return process.env
  return { ...process.env, npm_config_nodedir: prefix }
}

/** Runs one step and shows its time; a step that fails ends the program with its last lines. */
async function step(title, command, args) {
  const began = Date.now()
  const show = end => {
    const line = `${title} ${((Date.now() - began) / 1000).toFixed(1)} s`
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}${end}`)
    else if (end) process.stderr.write(`${line}${end}`)
  }
  const timer = setInterval(show, TICK_MS, '')
  const child = spawn(command, args, { cwd: root, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text
    })
  }
  const status = await new Promise(resolve => {
    child.on('error', error => {
      output += error.message
      resolve(1)
    })
    child.on('close', (code, signal) => resolve(code ?? signal))
  })
  clearInterval(timer)
  show('\n')
  if (status === 0) return
  fail(`${title} failed (${status})\n${excerpt(output)}`)
}

/** The first lines of an output, where npm names the error, and the last ones, where compilers do. */
function excerpt(output) {
  const lines = output.trimEnd().split('\n')
  if (lines.length <= 2 * SHOWN_LINES) return lines.join('\n')
  return [...lines.slice(0, SHOWN_LINES), '…', ...lines.slice(-SHOWN_LINES)].join('\n')
}

function fail(message) {
  console.error(`bootstrap: ${message}`)
  process.exit(1)
}

function requirePrograms(...names) {
  const missing = names.filter(name => spawnSync(name, ['--version'], { stdio: 'ignore' }).error)
  if (missing.length) fail(`missing: ${missing.join(' ')}; on Debian: apt-get install g++ make python3`)
}

function requirePackages(...names) {
  const missing = names.filter(name => !existsSync(at('node_modules', name)))
  if (missing.length) fail(`npm's packages for development are missing (${missing.join(', ')}): npm ci`)
}

/** Installs npm packages, without scripts: theirs are not needed, and ours are the steps below. */
async function installPackages() {
  const installed = changed(at('node_modules', '.package-lock.json'))
  if (installed > changed(at('package-lock.json'))) return
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  await step('npm ci', npm[0], [...npm.slice(1), 'ci', '--ignore-scripts', '--no-audit', '--no-fund'])
}

/** The addon as it is used (Release), or with sanitizers (Debug, see binding.gyp). */
async function buildAddon(configuration = 'Release') {
  const wanted = Math.max(
    newest(at('native'), /\.(cc|h)$/),
    newest(at('test', 'driver'), /\.(cc|h)$/),
    changed(at('binding.gyp')),
  )
  const released = ['native_floor.node', 'scmi_bench']
  const products = ['vhost_user_scmi.node', 'mock_front_end.node', ...(configuration === 'Release' ? released : [])]
  const built = products.map(name => at('build', configuration, name))
  if (Math.min(...built.map(changed)) > wanted) return
  requirePrograms('g++', 'make', 'python3')
  requirePackages('node-gyp')
  const gyp = at('node_modules', 'node-gyp', 'bin', 'node-gyp.js')
  const sanitized = configuration === 'Debug'
  const title = sanitized ? 'native addon with sanitizers' : 'native addon'
  await step(title, process.execPath, [gyp, 'configure', 'build', '-j', 'max', ...(sanitized ? ['--debug'] : [])])
  // make leaves what a touched source did not change as it is; it is new all the same.
  const now = new Date()
  for (const path of built) utimesSync(path, now, now)
}

async function compile() {
  const sources = ['src', 'qemu', 'test'].map(folder => newest(at(folder), /\.(tsx?|mjs|css|html|svg)$/))
  const wanted = Math.max(...sources, changed(at('tsconfig.json')), changed(at('package.json')))
  const results = ['qemu/cli.js', 'src/access/web/page/main.js', 'bundle/index.js'].map(path => at('dist', path))
  if (Math.min(...results.map(changed)) > wanted) return
  requirePackages('typescript', 'esbuild')
  await step('compiling TypeScript', at('node_modules', '.bin', 'tsc'), ['-p', '.', '--noEmitOnError'])
  await step('bundling libraries', process.execPath, [at('src', 'packaging', 'vendor.mjs')])
  await step('bundling the web view', process.execPath, [at('src', 'access', 'web', 'bundle.mjs')])
  await step('bundling the program', process.execPath, [at('src', 'cli', 'bundle.mjs')])
}

/** Puts the package's commands where npx looks first; else npx would install the package a second time. */
function linkCommands() {
  const { bin } = JSON.parse(readFileSync(at('package.json'), 'utf8'))
  for (const [name, path] of Object.entries(bin)) {
    chmodSync(at(path), 0o755)
    const link = at('node_modules', '.bin', name)
    if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync(join('..', '..', path), link)
  }
}

async function setUp() {
  const [{ setup }, { LabError }] = await Promise.all([
    import('../../dist/qemu/setup/setup.js'),
    import('../../dist/qemu/support/errors.js'),
  ])
  try {
    await setup({ forTests: process.argv.includes('--tests') })
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    fail(error.message)
  }
}

if (process.versions.node.localeCompare(OLDEST_NODE, 'en', { numeric: true }) < 0) {
  fail(`Node ${process.versions.node} is too old; ${OLDEST_NODE} or newer is needed`)
}
const isBuildOnly = process.argv.includes('--build-only')
if (!isBuildOnly) await installPackages()
await buildAddon()
if (process.argv.includes('--sanitized')) await buildAddon('Debug')
await compile()
linkCommands()
if (!isBuildOnly) await setUp()
