/** What the bundle holds (bundle.mjs): all that serving takes, and the library for plug-ins, which are to get the same copy. */
export * from '../index.js'
export { importWith } from '../loading/plugin-imports.js'
export { main } from './program.js'
