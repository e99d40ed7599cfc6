#!/usr/bin/env node
/**
 * `vhost-user-scmi`: gets the program from where it starts fastest. To serve, that is the bundle, in one file and with code
 * that V8 compiled when it was built, which saves most of the time until connections are accepted.
 */
import './cli/no-inspector.js'
import './cli/closed-terminal.js'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { loadBundle } from './cli/bundle-loader.js'
import { SUBCOMMANDS } from './cli/subcommands.js'

interface Program {
  main(): Promise<number | undefined>
}

/**
 * Bytes of bytecode that V8 may inline into the loop over a batch. Its own limit, 920, ends before the writing of a reply's
 * words, by chance earlier or later: with this one CLOCK_RATE_GET and SENSOR_READING_GET gain a tenth at depth 128.
 */
const INLINED_BYTECODE = 2500

const LEFT_BEHIND_MS = 500

const file = fileURLToPath(new URL('../bundle/program.cjs', import.meta.url))

/** Whether the bundle is there, and not older than what it was made of. */
function isCurrent(): boolean {
  const made = statSync(file, { throwIfNoEntry: false })
  return made !== undefined && made.mtimeMs >= statSync(fileURLToPath(import.meta.url)).mtimeMs
}

function bundledProgram(): Program {
  const bundle = loadBundle(file).exports as typeof import('./cli/bundled.js')
  bundle.importWith(url => import(url), new URL('../bundle/index.js', import.meta.url).href)
  return bundle
}

const isServing = !process.argv.slice(2).some(word => (SUBCOMMANDS as readonly string[]).includes(word))
const { main } = isServing && isCurrent() ? bundledProgram() : await import('./cli/program.js')
process.exitCode = await main()
// What failed is over, even if a plug-in has left a timer behind.
if (process.exitCode) setTimeout(() => process.exit(), LEFT_BEHIND_MS).unref()
// Not before it serves: code that V8 keeps, Node's own and the bundle's, is of no use with other flags than it was made with.
if (isServing) setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTECODE}`)
