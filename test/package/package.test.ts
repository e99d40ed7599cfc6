/** The package that `npm pack` makes, installed and used without the checkout. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { cachePath } from '../../qemu/support/paths.js'
import { Installation, type PackedFile } from './installation.js'

const ROOT = join(import.meta.dirname, '../..')
const LONG_MS = 300_000
vi.setConfig({ testTimeout: LONG_MS, hookTimeout: LONG_MS })

const user = new Installation()
let files: PackedFile[]

beforeAll(async () => {
  const packed = await user.pack()
  files = packed.files
  const { code, stderr, stdout } = await user.run(
    'npm',
    ['install', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--prefix', user.folder, packed.tarball],
    user.folder,
  )
  expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' })
})

afterAll(() => user.remove())

test('it has README, license, sources, and binaries for both architectures, but no tests', () => {
  const paths = files.map(({ path }) => path)
  expect(paths).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'binding.gyp', 'native/binding.cc']))
  for (const arch of ['x64', 'arm64']) expect(paths).toContain(`prebuilds/linux-${arch}/vhost_user_scmi.node`)
  expect(paths.filter(path => /(^|\/)test\//.test(path))).toEqual([])
})

test('its binaries need no newer glibc than README says, and no library that some systems lack', () => {
  const [, promised] = /brings binaries for x86-64 and arm64 with glibc ([\d.]+) or\s/.exec(
    readFileSync(join(ROOT, 'README.md'), 'utf8'),
  )!
  for (const arch of ['x64', 'arm64']) {
    const folder = join(user.package, `prebuilds/linux-${arch}`)
    const needed = ['vhost_user_scmi.node', 'native_floor.node', 'scmi_bench'].flatMap(name => {
      const symbols = execFileSync('readelf', ['--dyn-syms', '--wide', join(folder, name)], { encoding: 'utf8' })
      return [...symbols.matchAll(/ UND \S+@([A-Z]+_[\d.]+)/g)].map(([, version]) => version!)
    })
    const libraries = new Set(needed.map(version => version.split('_', 1)[0]))
    expect([...libraries].sort()).toEqual(['GCC', 'GLIBC'])
    const glibc = needed.filter(version => version.startsWith('GLIBC_')).map(version => version.slice('GLIBC_'.length))
    const newest = glibc.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
    expect(newest).toBe(promised)
    expect(JSON.parse(readFileSync(join(folder, 'needs.json'), 'utf8'))).toEqual({ glibc: newest })
  }
})

test('both commands run in another folder', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(await user.output('vhost-user-scmi', '--version')).toBe(`${version}\n`)
  expect(await user.output('vhost-user-scmi', 'platform', 'show', 'demo')).toContain('clock')
  expect(await user.output('scmi-lab', 'list')).toContain('probe/at-boot')
})

test('it reports its binary and commit, and has the licenses of its parts', async () => {
  const details = JSON.parse(await user.output('vhost-user-scmi', '--version', '--json'))
  expect(details.addon).toEqual({
    file: join(user.package, `prebuilds/linux-${process.arch}/vhost_user_scmi.node`),
    prebuilt: true,
    compiler: expect.stringMatching(/^gcc \d/),
  })
  if (existsSync(join(ROOT, '.git'))) expect(details.commit).toMatch(/^[0-9a-f]{40}(-dirty)?$/)
  for (const bundle of ['dist/bundle', 'dist/vendor', 'dist/src/access/web/page']) {
    expect(readFileSync(join(user.package, bundle, 'THIRD-PARTY.txt'), 'utf8')).toContain('Copyright')
  }
})

test('it brings man pages with all subcommands, completions and units', () => {
  const system = (...parts: string[]) => readFileSync(join(user.package, 'dist/system', ...parts), 'utf8')
  expect(system('share/man/man1/vhost-user-scmi.1')).toMatch(/^\.SS vhost\\-user\\-scmi ctl fault add$/m)
  for (const name of ['vhost-user-scmi', 'scmi-lab']) {
    const page = system(`share/man/man1/${name}.1`)
    expect(page).toMatch(/^\.SH EXIT CODES$/m)
    expect(page, 'a paragraph of nothing').not.toMatch(/^\.PP\n\.(PP|S[HS])/m)
    expect(page, 'options that the parent has').not.toContain('Global Options')
    // Found by their names (test/cli/completion.test.ts).
    expect(system(`share/bash-completion/completions/${name}`)).toMatch(new RegExp(`^complete .* ${name}$`, 'm'))
    expect(system(`share/zsh/site-functions/_${name}`)).toMatch(new RegExp(`^#compdef ${name}\n`))
  }
  expect(system('share/man/man1/scmi-lab.1')).toMatch(/^\.SS scmi\\-lab kernel build$/m)
  expect(system('lib/systemd/system/vhost-user-scmi@.socket')).toContain('[Socket]')
})

test('on a machine without a binary, the error names the command that builds one', async () => {
  const brought = join(user.package, 'prebuilds')
  renameSync(brought, `${brought}.away`)
  try {
    const { code, stderr } = await user.run('vhost-user-scmi', ['--socket-path', join(user.elsewhere, 'none.sock')])
    expect(code).toBe(1)
    expect(stderr).toContain(`vhost_user_scmi.node for linux-${process.arch} is not there`)
    expect(stderr).toContain(`npm run addon --prefix ${user.package}`)
    expect(stderr).not.toContain('    at ')
    expect(await user.output('vhost-user-scmi', '--help')).toContain('Usage:')
  } finally {
    renameSync(`${brought}.away`, brought)
  }
})

test('no package of it needs an install script', () => {
  const packages = Object.entries(user.packages)
  expect(packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([])
})

test('it is small', () => {
  const { packages, megabytes } = user.measure()
  expect(packages).toBeLessThanOrEqual(60)
  expect(megabytes).toBeLessThanOrEqual(35)
})

test('a program in TypeScript is type-checked, with the declarations, and serves', async () => {
  const program = user.write(
    'program.mts',
    `import { definePlatform, type Server, serve } from 'vhost-user-scmi'
    const platform = definePlatform({ vendor: 'acme', clocks: [{ name: 'uart', rate: '24 MHz' }] })
    const server: Server = await serve({ endpoint: { socketPath: process.argv[2]! }, platform })
    server.faults.add({ protocol: 'clock', message: 'CLOCK_RATE_SET', drop: true, times: 3 })
    console.log('serves', server.constructor.name)
    await server.close()
    // @ts-expect-error: it has a type, and that is not any.
    const wrong: number = server.faults
    `,
  )
  user.write('package.json', '{"type": "module"}')
  execFileSync('ln', ['-sfn', join(user.folder, 'node_modules'), join(user.elsewhere, 'node_modules')])
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node']
  const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--exactOptionalPropertyTypes']
  execFileSync(process.execPath, [tsc, '--ignoreConfig', ...types, ...strict, program], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const { stdout, stderr } = await user.run('node', ['program.mjs', join(user.elsewhere, 'library.sock')])
  expect({ stdout, stderr }).toEqual({ stdout: 'serves Server\n', stderr: '' })
})

test('a device serves a user’s plug-in, ctl and the page show it, and it is traced', async () => {
  user.write('led.mjs', readFileSync(join(ROOT, 'test/plugin/led.mjs'), 'utf8'))
  user.write(
    'board.yaml',
    'vendor: acme\nplugins: [./led.mjs]\nleds: [{ name: power, on: true }]\nclocks: [{ name: uart, rates: [12 MHz, 24 MHz] }]\n',
  )
  const control = join(user.elsewhere, 'control.sock')
  const device = user.start(
    'vhost-user-scmi',
    ...['--socket-path', join(user.elsewhere, 'device.sock'), '--platform', 'board.yaml', '--control', control],
    ...['--http', '0', '--metrics', '0', '--trace', 'run.pftrace'],
  )
  try {
    const [link] = await device.said(/http:\/\/\S+/)
    expect((await fetch(link)).headers.get('content-type')).toContain('text/html')
    expect(await user.output('vhost-user-scmi', 'ctl', '--control', control, 'show')).toContain('uart')
    await user.output('vhost-user-scmi', 'ctl', '--control', control, 'set', 'clock.uart', '12 MHz')
    expect(await user.output('vhost-user-scmi', 'ctl', '--control', control, 'show', 'clock')).toContain('12 MHz')
    const top = await user.run('vhost-user-scmi', ['ctl', '--control', control, 'top'])
    expect(top).toMatchObject({ code: 2, stderr: expect.stringContaining('top needs a terminal') })
  } finally {
    await device.stop()
  }
  expect(await user.output('vhost-user-scmi', 'trace', 'show', 'run.pftrace')).toContain('end of trace')
})

test('the bench measures the device beside the floors', async () => {
  const options = ['--mix', 'base', '--depth', '1', '--wait', 'sleep', '--rounds', '1', '--measure-ms', '20']
  const result = await user.output(
    'vhost-user-scmi',
    'bench',
    ...options,
    '--starts',
    '1',
    '--no-memory',
    '--json',
    '--report',
    'bench.html',
  )
  const backEnds = JSON.parse(result).cells.map(({ backEnd }: { backEnd: string }) => backEnd)
  expect(backEnds.sort()).toEqual(['busy loop', 'device', 'event loop', 'native floor'])
  expect(readFileSync(join(user.elsewhere, 'bench.html'), 'utf8')).toContain('Chart.js v')
})

test('the lab runs a scenario in a guest', async () => {
  // test/guest tests the kernel build and the download of Debian packages: use what is cached.
  for (const part of ['kernels', 'guest', 'apt', 'dtb']) {
    const copy = join(user.home, '.cache/vhost-user-scmi', part)
    if (existsSync(cachePath(part))) cpSync(cachePath(part), copy, { recursive: true, preserveTimestamps: true })
  }
  user.give(user.home)
  expect(await user.output('scmi-lab', 'run', 'probe/at-boot')).toContain('ok')
})
