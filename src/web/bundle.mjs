/** Bundles the page of the web view into dist, from where it is served. Part of `npm run build`. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const folder = dirname(fileURLToPath(import.meta.url))

await build({
  entryPoints: ['main.tsx', 'main.css', 'index.html', 'icon.svg'].map(file => join(folder, 'page', file)),
  outdir: join(folder, '../../dist/src/web/page'),
  bundle: true,
  minify: true,
  target: 'es2022',
  loader: { '.html': 'copy', '.svg': 'copy' },
  logLevel: 'warning',
})
