/**
 * Makes dist/vendor: libraries that only one view or access path needs, each group in one file, so that users of the
 * package do not install them. Part of `npm run compile`, after the compiler. Compiled code imports them from there, on
 * demand as before. Tests in TypeScript use node_modules.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { writeThirdParty } from './third-party.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const folder = join(root, 'dist', 'vendor')
const require = createRequire(import.meta.url)

/** Control service and trace encoder: CommonJS, like the bundle for serving (bundle.mjs). */
const services = [
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  '@grpc/reflection',
  'protobufjs',
  'protobufjs/ext/descriptor/index.js',
]
/** `ctl top`: ES modules, because ink has a top-level await. */
const terminal = ['ink', 'react']
/** The reader of YAML. Every start needs it, so the bundle for serving has it inside. */
const YAML = 'js-yaml'

/** The file name of a package. */
const plain = name =>
  name
    .replace(/\/index\.js$/, '')
    .replaceAll(/[@/]/g, '-')
    .replace(/^-/, '')

/** What the bundle for serving loads on demand, by package name: its file without extension, with the same exports. */
export const vendored = new Map([...services, ...terminal].map(name => [name, join(folder, plain(name))]))

/** @grpc/reflection reads its own .proto files beside its source. */
const reflectionProtos = {
  name: "reflection's protos",
  setup({ onLoad }) {
    onLoad({ filter: /@grpc\/reflection\/build\/src\/implementations\/.*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll("__dirname, '../../proto/", "__dirname, 'proto/"),
    }))
  },
}

/** ink's tools for React developers, which it loads only if DEV is set, and does not install. */
const withoutDevelopersTools = {
  name: "without developers' tools",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^react-devtools-core$/ }, ({ path }) => ({ path, namespace: 'nothing' }))
    onLoad({ filter: /./, namespace: 'nothing' }, () => ({
      contents: 'export default { initialize() {}, connectToDevTools() {} }',
    }))
  },
}

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  absWorkingDir: root,
  metafile: true,
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
}

async function bundleServices() {
  const members = services.map(name => `${JSON.stringify(name)}: require(${JSON.stringify(name)})`)
  const stdin = { contents: `module.exports = { ${members.join(', ')} }`, resolveDir: root }
  const file = join(folder, 'services.cjs')
  const result = await build({ ...common, stdin, outfile: file, format: 'cjs', plugins: [reflectionProtos] })
  for (const name of services) {
    const member = `require('./services.cjs')[${JSON.stringify(name)}]`
    writeFileSync(`${vendored.get(name)}.cjs`, `module.exports = ${member}\n`)
    const names = Object.keys(require(name)).filter(name => /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default')
    const text = `import all from './${plain(name)}.cjs'\nexport default all\nexport const { ${names.join(', ')} } = all\n`
    writeFileSync(`${vendored.get(name)}.js`, text)
  }
  cpSync(join(dirname(require.resolve('@grpc/reflection')), '../proto'), join(folder, 'proto'), { recursive: true })
  return result.metafile
}

async function bundleTerminal() {
  const { metafile } = await build({
    ...common,
    stdin: {
      contents: `export * from 'ink'; export { createElement, useEffect, useState } from 'react'`,
      resolveDir: root,
    },
    outfile: join(folder, 'terminal.js'),
    format: 'esm',
    // React's development build warns of mistakes, and is slower.
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [withoutDevelopersTools],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
  for (const name of terminal) writeFileSync(`${vendored.get(name)}.js`, "export * from './terminal.js'\n")
  return metafile
}

async function bundleYaml() {
  const stdin = { contents: `export * from '${YAML}'`, resolveDir: root }
  const { metafile } = await build({ ...common, stdin, outfile: join(folder, `${YAML}.js`), format: 'esm' })
  return metafile
}

/** Redirects imports in compiled code to the vendored modules. */
function redirect(folderOfCode) {
  const files = new Map([...vendored, [YAML, join(folder, YAML)]])
  const names = [...files.keys()].map(name => name.replaceAll('/', '\\/')).join('|')
  const imports = new RegExp(`(\\bfrom |\\bimport\\()(['"])(${names})\\2`, 'g')
  for (const entry of readdirSync(folderOfCode, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.js')) continue
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const text = readFileSync(path, 'utf8')
    const changed = text.replaceAll(imports, (_, before, quote, name) => {
      const target = relative(dirname(path), `${files.get(name)}.js`)
      return `${before}${quote}${target.startsWith('.') ? target : `./${target}`}${quote}`
    })
    if (changed !== text) writeFileSync(path, changed)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const metafiles = [await bundleServices(), await bundleTerminal(), await bundleYaml()]
  // `bench --report` copies the chart library into the page (src/bench/report.ts).
  const charts = dirname(dirname(require.resolve('chart.js')))
  cpSync(join(charts, 'dist/chart.umd.min.js'), join(folder, 'chart.js'))
  metafiles.push({ inputs: { [`${relative(root, charts)}/package.json`]: {} } })
  writeThirdParty(folder, root, metafiles)
  for (const name of ['src', 'qemu']) redirect(join(root, 'dist', name))
}
