/** Bundles the page of the web view into dist. Part of `npm run compile`. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { writeThirdParty } from '../../packaging/third-party.mjs'

const folder = dirname(fileURLToPath(import.meta.url))
const root = join(folder, '../../..')
const outdir = join(root, 'dist/src/access/web/page')

const { metafile } = await build({
  entryPoints: ['main.tsx', 'main.css', 'index.html', 'icon.svg'].map(file => join(folder, 'page', file)),
  outdir,
  absWorkingDir: root,
  metafile: true,
  bundle: true,
  minify: true,
  target: 'es2022',
  loader: { '.html': 'copy', '.svg': 'copy' },
  logLevel: 'warning',
})
writeThirdParty(outdir, root, [metafile])
