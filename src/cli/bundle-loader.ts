/** Loads a CommonJS file with the code that V8 made of it before, if that lies beside it. */
import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import { dirname } from 'node:path'
import { Script } from 'node:vm'

/** Where the code of `file` lies. Another version of V8 does without it. */
export const codeFile = (file: string): string => `${file}.code`

function readCode(file: string): Buffer | undefined {
  try {
    return readFileSync(codeFile(file))
  } catch {
    // It only saves time.
    return undefined
  }
}

/** Runs the module, which can't use `import()`; `require` of the same file gives its exports from then on. */
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
