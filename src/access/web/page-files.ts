/** The files of the page, as bundled by bundle.mjs; no others are served. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface PageFile {
  /** Content-Type */
  type: string
  body: Buffer
}

const FILES: Readonly<Record<string, [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/main.js': ['main.js', 'text/javascript; charset=utf-8'],
  '/main.css': ['main.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
}

/** By URL path. */
export function readPageFiles(): ReadonlyMap<string, PageFile> {
  const root = dirname(createRequire(import.meta.url).resolve('#root/package.json'))
  const read = (file: string): Buffer => readFileSync(join(root, 'dist/src/access/web/page', file))
  return new Map(Object.entries(FILES).map(([path, [file, type]]) => [path, { type, body: read(file) }]))
}
