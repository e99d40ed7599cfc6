#!/usr/bin/env node
/**
 * `vhost-user-scmi`: loads the program from where it starts fastest. For serving, and for what checks and shows platform
 * files, that is the bundle, one file with cached V8 code, which saves most of the time until the program does its work.
 */
import './cli/no-inspector.js'
import './cli/gone-terminal.js'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { loadBundle } from './cli/bundle-loader.js'
import { isInBundle } from './cli/subcommands.js'

interface Program {
  main(): Promise<number | undefined>
}

/**
 * Bytes of bytecode that V8 may inline into the loop over a batch. Its default of 920 is used up before the calls that
 * write a reply, sometimes earlier, sometimes later; with 2500, CLOCK_RATE_GET and SENSOR_READING_GET gain a tenth at
 * depth 128.
 */
const INLINED_BYTECODE = 2500

const LEFT_BEHIND_MS = 500

const file = fileURLToPath(new URL('../bundle/program.cjs', import.meta.url))

/** Whether the bundle exists and is not older than its sources. */
function isCurrent(): boolean {
  const made = statSync(file, { throwIfNoEntry: false })
  return made !== undefined && made.mtimeMs >= statSync(fileURLToPath(import.meta.url)).mtimeMs
}

function bundledProgram(): Program {
  const bundle = loadBundle(file).exports as typeof import('./cli/bundled.js')
  bundle.importWith(url => import(url), new URL('../bundle/index.js', import.meta.url).href)
  return bundle
}

const words = process.argv.slice(2)
const isServing = isInBundle(words) && words[0] !== 'platform'
const { main } = isInBundle(words) && isCurrent() ? bundledProgram() : await import('./cli/program.js')
process.exitCode = await main()
// After a failure exit even if a plug-in has left a timer behind.
if (process.exitCode) setTimeout(() => process.exit(), LEFT_BEHIND_MS).unref()
// Set only now: V8 rejects cached code, Node's own and the bundle's, if flags differ from when it was made.
if (isServing) setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTECODE}`)
