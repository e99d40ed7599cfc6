/**
 * Makes dist/bundle, which the command serves from (cli.ts): the program in one file, V8's cached code for it, and the
 * library for plug-ins. Part of `npm run compile`, after the compiler.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { codeFile, loadBundle } from '../../dist/src/cli/bundle-loader.js'
import { writeThirdParty } from '../packaging/third-party.mjs'
import { vendored } from '../packaging/vendor.mjs'

const commands = dirname(fileURLToPath(import.meta.url))
const root = join(commands, '../..')
const folder = join(root, 'dist/bundle')
const file = join(folder, 'program.cjs')
const ENOUGH_MS = 20_000

/** Replaces a file atomically: a device may be starting from it. */
function write(path, content) {
  writeFileSync(`${path}.new`, content)
  renameSync(`${path}.new`, path)
}

/** Only those subcommands are in the bundle that start from it (subcommands.ts). */
const withoutSubcommands = {
  name: 'without subcommands',
  setup({ onResolve }) {
    const program = join(commands, 'program.ts')
    onResolve({ filter: /./ }, ({ kind, importer, path }) =>
      kind === 'dynamic-import' &&
      importer.startsWith(commands) &&
      importer !== program &&
      path !== './platform-actions.js'
        ? { external: true }
        : undefined,
    )
  },
}

/** zod's messages in forty languages are a fifth of the program; it uses the English ones. */
const inEnglish = {
  name: 'in English',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/locales\/index\.js$/ }, ({ importer, resolveDir }) =>
      /[\\/]zod[\\/]/.test(importer) ? { path: join(resolveDir, '../locales/en.js') } : undefined,
    )
  },
}

/** The libraries of access paths that few use are loaded from dist/vendor. */
const withVendored = {
  name: 'vendored',
  setup({ onResolve }) {
    onResolve({ filter: /^[@\w]/ }, ({ path }) => {
      const file = vendored.get(path)
      return file === undefined ? undefined : { path: `./${relative(folder, `${file}.cjs`)}`, external: true }
    })
  },
}

async function bundle() {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(commands, 'bundled.ts')],
    outfile: file,
    write: false,
    metafile: true,
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    sourcemap: true,
    // Less to parse; names are kept for stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    define: { 'import.meta.url': '__url' },
    banner: { js: 'const __url=require("node:url").pathToFileURL(__filename).href;' },
    // Libraries of access paths that few use.
    external: ['prom-client', 'ws'],
    plugins: [withVendored, withoutSubcommands, inEnglish],
    logLevel: 'warning',
  })
  mkdirSync(folder, { recursive: true })
  for (const { path, contents } of outputFiles) write(path, contents)
  writeThirdParty(folder, root, [metafile])
}

/** Serves until it accepts connections, as users do, and stores the code that V8 compiled for that. */
async function keepCode() {
  const temporary = mkdtempSync(join(tmpdir(), 'vhost-user-scmi-'))
  const socket = join(temporary, 'socket')
  process.argv.splice(2, Infinity, '--socket-path', socket)
  rmSync(codeFile(file), { force: true })
  const { script, exports } = loadBundle(file)
  const { main, importWith: _, ...library } = exports
  void main()
  while (!existsSync(socket)) await sleep(10)
  write(codeFile(file), script.createCachedData())
  write(join(folder, 'index.js'), moduleOf(Object.keys(library)))
  process.kill(process.pid, 'SIGTERM')
  rmSync(temporary, { recursive: true })
}

/** An ES module that exports what the bundle exports. */
const moduleOf = names => `import { createRequire } from 'node:module'
export const { ${names.join(', ')} } = createRequire(import.meta.url)('./program.cjs')
`

if (process.argv[2] === 'code') {
  await keepCode()
} else {
  await bundle()
  // A second process serves, and reports when it is ready.
  const options = { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', timeout: ENOUGH_MS }
  const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), 'code'], options)
  if (status !== 0) {
    console.error(stderr)
    process.exit(1)
  }
}
