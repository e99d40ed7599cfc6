/**
 * `npm run arm64 [-- FILE…]`: runs test/unit, test/vectors and test/native as arm64 code, in QEMU's user-mode emulation.
 * Node for arm64 is Debian's, unpacked in the cache. The command registers QEMU for arm64 programs in its own user and mount
 * namespace, so the machine is not changed. Emulation has a stronger memory order than arm64 (the barriers of native/README.md).
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { downloadWithDependencies, unpackPackage } from '../../dist/qemu/setup/packages.js'
import { cachePath } from '../../dist/qemu/support/paths.js'
import { startProgress } from '../../dist/src/support/progress.js'
import { crossBuild, targets } from '../../native/prebuild.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const require = createRequire(import.meta.url)
const suites = ['test/unit', 'test/vectors', 'test/native']
/** Left out: it counts bytes of a heap, which differ under emulation. */
const left = ['test/native/heap.test.ts']
/** Emulation is tens of times slower. */
const limitMs = 600_000

const system = cachePath('arm64', 'root')

async function unpackNode(progress) {
  if (existsSync(join(system, 'usr/bin/node'))) return
  const partial = `${system}.partial`
  rmSync(partial, { recursive: true, force: true })
  const debs = await downloadWithDependencies('nodejs', cachePath('arm64', 'debs'), { progress })
  for (const deb of debs) await unpackPackage(deb, partial, { progress })
  // Debian's base-files have this link; nodejs does without them.
  if (!existsSync(join(partial, 'lib'))) symlinkSync('usr/lib', join(partial, 'lib'))
  renameSync(partial, system)
}

/** Vite's parser, as a native addon, is another package for each machine. */
function installParser(progress) {
  const { version } = require('rollup/package.json')
  const folder = cachePath('arm64', `rollup-${version}`)
  if (!existsSync(join(folder, 'node_modules'))) {
    progress.update(`installing rollup ${version} for arm64`)
    mkdirSync(folder, { recursive: true })
    const name = `@rollup/rollup-linux-arm64-gnu@${version}`
    const kind = ['--cpu=arm64', '--os=linux', '--force', '--no-audit', '--no-fund', '--prefix', folder]
    const { status, stderr } = spawnSync('npm', ['install', ...kind, name], { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
  }
  return join(folder, 'node_modules')
}

function buildAddons(progress) {
  progress.update('compiling the addons for arm64')
  const target = targets.find(({ arch }) => arch === 'arm64')
  crossBuild(target, join(root, 'build', 'arm64'), ['binding.gyp', 'native', 'test'])
}

/** Magic bytes of an arm64 program and their mask, as binfmt_misc expects them. */
const magic =
  '\\\\x7fELF\\\\x02\\\\x01\\\\x01\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x02\\\\x00\\\\xb7\\\\x00'
const mask = `${'\\\\xff'.repeat(7)}\\\\x00${'\\\\xff'.repeat(8)}\\\\xfe\\\\xff\\\\xff\\\\xff`

/** Runs words in a namespace where arm64 programs run. */
function emulate(words, env) {
  const qemu = ['/usr/bin/qemu-aarch64', '/usr/bin/qemu-aarch64-static'].find(existsSync)
  if (!qemu) throw new Error('qemu-aarch64 is missing: package qemu-user')
  const enter = `mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
    printf ':scmi-arm64:M::${magic}:${mask}:${qemu}:F' > /proc/sys/fs/binfmt_misc/register && exec "$@"`
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', enter, 'sh', ...words]
  return spawnSync('unshare', args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
}

const progress = startProgress('arm64')
await unpackNode(progress)
const parser = installParser(progress)
if (!process.argv.includes('--no-build')) buildAddons(progress)
progress.stop()
const asked = process.argv.slice(2).filter(word => !word.startsWith('--'))
const files = asked.length > 0 ? asked : suites
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs')
const options = [`--testTimeout=${limitMs}`, `--hookTimeout=${limitMs}`, ...left.map(name => `--exclude=${name}`)]
const { status } = emulate([join(system, 'usr/bin/node'), vitest, 'run', ...options, ...files], {
  QEMU_LD_PREFIX: realpathSync(system),
  NODE_PATH: parser,
  NODE_OPTIONS: '--conditions=arm64',
  // esbuild is only a tool of the tests: this machine's own is used.
  ESBUILD_BINARY_PATH: join(dirname(require.resolve(`@esbuild/linux-${process.arch}/package.json`)), 'bin/esbuild'),
})
process.exitCode = status ?? 1
