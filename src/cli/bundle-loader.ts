/** Loads a CommonJS file with V8's cached code for it, if that lies beside it. */
import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname } from 'node:path'
import { Script } from 'node:vm'

/** Path of the cached code of `file`. V8 rejects the cache of another version. */
export const codeFile = (file: string): string => `${file}.code`

function readCode(file: string): Buffer | undefined {
  try {
    return readFileSync(codeFile(file))
  } catch {
    // The cache only saves time.
    return undefined
  }
}

/** Runs the module, which can't use `import()`. Afterwards `require` of the same file returns its exports. */
export function loadBundle(file: string): { script: Script; exports: object } {
  const cachedData = readCode(file)
  const script = new Script(Module.wrap(readFileSync(file, 'latin1')), {
    filename: file,
    ...(cachedData ? { cachedData } : {}),
  })
  const require = createRequire(file)
  const module = new Module(file)
  module.filename = file
  require.cache[file] = module
  script.runInThisContext().call(module.exports, module.exports, require, module, file, dirname(file))
  module.loaded = true
  return { script, exports: module.exports }
}
