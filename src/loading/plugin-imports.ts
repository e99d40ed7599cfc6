/**
 * Lets plug-ins import this package by name from anywhere, and gives them the same modules that serve: with a second
 * copy, class checks such as `instanceof ConfigError` would fail.
 */
import { register } from 'node:module'

/** Runs in Node's loader thread, hence as text. */
const loader = `
let index
export const initialize = url => { index = url }
export const resolve = (specifier, context, next) =>
  specifier === 'vhost-user-scmi' ? { url: index, shortCircuit: true } : next(specifier, context)
`
let registered = false

type Importer = (url: string) => Promise<object>
let importer: Importer = url => import(/* @vite-ignore */ url)
let library = new URL('../index.js', import.meta.url).href

/**
 * Sets the importer of plug-ins, because code in the cached bundle can't import. `index` is the URL of the bundle's
 * library.
 */
export function importWith(other: Importer, index: string): void {
  importer = other
  library = index
}

/** Imports the module of a plug-in. */
export function importPlugin(url: string): Promise<object> {
  if (!registered) {
    registered = true
    register(`data:text/javascript,${encodeURIComponent(loader)}`, { data: library })
  }
  return importer(url)
}
