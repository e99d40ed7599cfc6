/** The bundle: when the command uses it, and that it behaves like the modules. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { inFolder, RunningCommand } from './command.js'

const root = join(import.meta.dirname, '../..')
const cli = join(root, 'dist/src/cli.js')
const bundle = join(root, 'dist/bundle/program.cjs')

/** Prints at exit whether the bundle was loaded. */
const spy = `data:text/javascript,${encodeURIComponent(`
  import { createRequire } from 'node:module'
  process.on('exit', () => console.log('bundle: ' + (${JSON.stringify(bundle)} in createRequire('/').cache)))`)}`

async function usesBundle(...args: string[]): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', spy, cli, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout.on('data', data => (output += data))
  await once(child, 'close')
  return /^bundle: (true|false)$/m.exec(output)![1] === 'true'
}

beforeAll(() => {
  const madeMs = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (madeMs >= statSync(cli).mtimeMs) return
  execFileSync(process.execPath, [join(root, 'src/cli/bundle.mjs')])
})

test.each([
  [['--socket-path', '/nowhere/socket'], true],
  [['--help'], true],
  [['--nonsense'], true],
  [['platform', 'check', 'minimal'], true],
  [['platform', 'show', 'minimal', '--plugin', 'imx'], true],
  [['platform', 'list'], false],
  [['platform', 'record'], false],
  [['--platform', 'demo', 'ctl', '--help'], false],
])('%j: from the bundle? %s', async (words, isFromBundle) => {
  expect(await usesBundle(...words)).toBe(isFromBundle)
})

test('a bundle older than the program is not used', async () => {
  const { atime, mtime } = statSync(bundle)
  utimesSync(bundle, atime, new Date(statSync(cli).mtimeMs - 1000))
  try {
    expect(await usesBundle('--help')).toBe(false)
  } finally {
    utimesSync(bundle, atime, mtime)
  }
})

test('V8 accepts the cached code', () => {
  const loader = pathToFileURL(join(root, 'dist/src/cli/bundle-loader.js')).href
  const program = `import { loadBundle } from '${loader}'
    console.log(loadBundle(${JSON.stringify(bundle)}).script.cachedDataRejected)`
  expect(execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })).toBe(
    'false\n',
  )
})

test('a plug-in imports the same library that serves it', () =>
  inFolder(async folder => {
    const plugin = join(folder, 'plugin.mjs')
    // A ConfigError of another copy would be printed with its stack trace.
    writeFileSync(
      plugin,
      `import { ConfigError, command, defineProtocol, SUCCESS, u32, z } from 'vhost-user-scmi'
      const kind = { section: 'lamps', schema: z.array(z.string()), create() { throw new ConfigError([0], 'is broken') } }
      const attributes = command(1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], () => SUCCESS)
      export default defineProtocol({
        id: 0x90, name: 'lamp', versions: [0x10000], resource: kind, attach: () => ({}), commands: [attributes],
      })`,
    )
    const platform = join(folder, 'platform.yaml')
    writeFileSync(platform, 'vendor: us\nplugins: [./plugin.mjs]\nlamps: [red]\n')
    const command = new RunningCommand(['--socket-path', join(folder, 'socket'), '--platform', platform])
    expect(await command.ended).toBe(2)
    expect(command.stderr).toMatch(/^vhost-user-scmi: .*platform\.yaml:3:\d+: .*is broken\n$/)
  }))
