/**
 * Lets plug-ins import this package by its name wherever they lie, and gives them the very modules that serve: a second
 * copy in a node_modules of their own would have ConfigError classes and the like of its own.
 */
import { register } from 'node:module'

/** Runs in Node's loader, so it is given as text. */
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

/** What imports plug-ins from now on, since the bundle, whose code V8 kept, can't; `index` is the URL of its library. */
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
