/** `npx` in a checkout runs what is built, with every npm that the supported Nodes come with: npm 9 and 10 run "prepare" first. */
import { execFile } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const LIMIT_MS = 120_000
vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS })

const folder = mkdtempSync(join(tmpdir(), 'scmi-npx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const run = promisify(execFile)
const versions = ['9', '10', '11']

beforeAll(async () => {
  for (const version of versions) {
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', join(folder, version), `npm@${version}`])
  }
})

test.each(versions)('npm %s runs what is built, and builds nothing', async version => {
  const npx = join(folder, version, 'node_modules/npm/bin/npx-cli.js')
  const built = ['build/Release/vhost_user_scmi.node', 'dist/qemu/cli.js', 'dist/bundle/index.js']
  const times = () => built.map(name => statSync(join(ROOT, name)).mtimeMs)
  const before = times()
  const { stdout } = await run(process.execPath, [npx, '--yes', 'scmi-lab', 'list'], { cwd: ROOT })
  expect(stdout).toContain('probe/at-boot')
  expect(times()).toEqual(before)
})

test('compile errors are reported, and the last build stays', async () => {
  // Compiles one file in a checkout of its own, because other tests use this one.
  const checkout = join(folder, 'checkout')
  const options = { recursive: true, preserveTimestamps: true }
  for (const name of ['package.json', 'binding.gyp', 'native', 'qemu', 'build', 'dist', 'test/driver']) {
    cpSync(join(ROOT, name), join(checkout, name), { ...options, filter: path => !path.includes('prebuild/') })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'))
  mkdirSync(join(checkout, 'src'))
  writeFileSync(join(checkout, 'src/wrong.ts'), 'export const wrong: number = true\n')
  const { compilerOptions } = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'))
  writeFileSync(join(checkout, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
  const built = join(checkout, 'dist/qemu/cli.js')
  const before = statSync(built).mtimeMs
  const failed = run(process.execPath, ['qemu/setup/bootstrap.mjs', '--build-only'], { cwd: checkout })
  await expect(failed).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('src/wrong.ts(1,14)'),
  })
  expect(statSync(built).mtimeMs).toBe(before)
  expect(existsSync(join(checkout, 'dist/src/wrong.js'))).toBe(false)
})
