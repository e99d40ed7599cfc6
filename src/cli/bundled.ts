/**
 * Content of the bundle (bundle.mjs): everything for serving, and the library for plug-ins, which must get the same
 * copy.
 */
export * from '../index.js'
export { importWith } from '../loading/plugin-imports.js'
export { main } from './program.js'
