/** The kernel build, on a tree that builds in an instant: cache, patches, locks, errors, interruption. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { moduleFiles } from '../../qemu/guest/modules.js'
import { buildKernel, type KernelRequest } from '../../qemu/kernel/build.js'
import { startProgress } from '../../src/support/progress.js'
import { makeFakeKernel, numbers, numbersPatch } from './fake-kernel.js'
import { LabCommand } from './lab-command.js'

let folder: string
let tree: string
let log: string
const environment = { ...process.env }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
  tree = makeFakeKernel(folder)
  log = join(folder, 'make.log')
  process.env.XDG_CACHE_HOME = join(folder, 'cache')
  process.env.SCMI_LAB_TEST_LOG = log
})
afterEach(() => {
  process.env = { ...environment }
  rmSync(folder, { recursive: true })
})

const compilations = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0)
const said: string[] = []
const stream = { isTTY: false, write: (text: string) => said.push(text) } as unknown as NodeJS.WriteStream
const build = (request: Partial<KernelRequest> = {}) =>
  buildKernel({ source: tree, ...request }, { progress: startProgress('test', stream) })
const patchFile = (): string => {
  writeFileSync(join(folder, 'x.patch'), numbersPatch)
  return join(folder, 'x.patch')
}
/** All finished kernels of the cache. */
const kernels = (): string[] => {
  const home = join(folder, 'cache', 'vhost-user-scmi', 'kernels')
  return existsSync(home) ? readdirSync(home).filter(name => existsSync(join(home, name, 'Image'))) : []
}

test('the same request is built once; a changed source, patch or fragment is another kernel', async () => {
  const first = await build()
  expect(first.wasCached).toBe(false)
  expect(readFileSync(first.image, 'utf8')).toBe(numbers)
  expect(await build()).toMatchObject({ image: first.image, wasCached: true })
  expect(compilations()).toBe(1)

  const fragment = join(folder, 'extra.config')
  writeFileSync(fragment, 'CONFIG_EXTRA=y\n')
  const configured = await build({ fragments: [fragment] })
  expect(readFileSync(configured.config, 'utf8')).toContain('CONFIG_EXTRA=y')
  const patched = await build({ patches: [patchFile()] })
  writeFileSync(join(tree, 'lib/numbers.txt'), 'changed\n')
  const changed = await build()
  expect(readFileSync(changed.image, 'utf8')).toBe('changed\n')
  expect(new Set([first, configured, patched, changed].map(kernel => kernel.image)).size).toBe(4)
})

test('a patch changes the Image and not the source tree', async () => {
  const { image } = await build({ patches: [patchFile()] })
  expect(readFileSync(image, 'utf8')).toBe(numbers.replace('three', '3'))
  expect(readFileSync(join(tree, 'lib/numbers.txt'), 'utf8')).toBe(numbers)
})

test('a variant is another kernel; the guest gets its modules, but no build files', async () => {
  const first = await build()
  const modular = await build({ variant: 'modules' })
  expect(modular.image).not.toBe(first.image)
  expect(readFileSync(modular.config, 'utf8')).toContain('CONFIG_ARM_SCMI_TRANSPORT_VIRTIO=m')
  const paths = (image: string) => moduleFiles(image).map(({ path }) => path)
  expect(paths(first.image)).toEqual(['/lib/lab-consumer.ko', '/lib/lab-protocols.ko'])
  expect(paths(modular.image).sort()).toEqual([
    '/lib/lab-consumer.ko',
    '/lib/lab-protocols.ko',
    '/lib/modules/9.9.9/kernel/scmi.ko',
    '/lib/modules/9.9.9/modules.dep',
  ])
  await expect(build({ variant: 'nice' })).rejects.toThrow('--variant nice: give plain, atomic, debug')
})

test('the lab’s modules are beside the Image, unless the kernel’s interfaces do not fit them', async () => {
  const first = await build()
  expect(first.hasConsumers).toBe(true)
  expect(existsSync(join(dirname(first.image), 'lab-consumer.ko'))).toBe(true)
  writeFileSync(join(tree, 'lib/other-interface'), '')
  said.length = 0
  const without = await build()
  expect(without.hasConsumers).toBe(false)
  expect(readFileSync(without.image, 'utf8')).toBe(numbers)
  expect(said.join('')).toContain('consumer.c:1:1: error: unknown type')
  expect((await build()).hasConsumers).toBe(false)
  expect(said.at(-1)).toContain('is in the cache')
  expect(said.join('')).toContain("without the lab's modules or one of them; ")
})

test('a kernel whose SCMI operations are others has the lab’s consumers, without the protocols', async () => {
  writeFileSync(join(tree, 'lib/other-operations'), '')
  const { image, hasConsumers } = await build()
  expect(hasConsumers).toBe(false)
  expect(said.join('')).toContain('operations.c:1:1: error: no member')
  expect(moduleFiles(image).map(({ path }) => path)).toEqual(['/lib/lab-consumer.ko'])
})

test('a tree that was built in place is cleaned in a copy, and stays as it is', async () => {
  writeFileSync(join(tree, '.config'), 'CONFIG_MINE=y\n')
  await build()
  expect(readFileSync(join(tree, '.config'), 'utf8')).toBe('CONFIG_MINE=y\n')
  expect(compilations()).toBe(1)
})

test('a tree under git is known by commit and changes, and git’s own files stay untouched', async () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', tree, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args])
  git('init', '-q')
  git('add', '.')
  git('commit', '-q', '-m', 'one')
  const index = readFileSync(join(tree, '.git/index'))
  const first = await build()
  writeFileSync(join(tree, 'lib/new.txt'), 'new')
  expect((await build()).image).not.toBe(first.image)
  rmSync(join(tree, 'lib/new.txt'))
  expect((await build()).image).toBe(first.image)
  expect(readFileSync(join(tree, '.git/index'))).toEqual(index)
})

test('a compiler error is shown with the log’s path, and leaves nothing in the cache', async () => {
  writeFileSync(join(tree, 'lib/broken.c'), '')
  const error: Error = await build().then(
    () => expect.unreachable(),
    (reason: Error) => reason,
  )
  expect(error.message).toContain("lib/broken.c:3:1: error: expected ';'")
  const path = /The whole log: (.*)$/m.exec(error.message)![1]!
  expect(readFileSync(path, 'utf8')).toContain("expected ';'")
  expect(kernels()).toEqual([])
  rmSync(join(tree, 'lib/broken.c'))
  expect(readFileSync((await build()).image, 'utf8')).toBe(numbers)
})

test('an option that Kconfig dropped is reported', async () => {
  const fragment = join(folder, 'lost.config')
  writeFileSync(fragment, 'CONFIG_GONE=y\n')
  said.length = 0
  const { lost } = await build({ fragments: [fragment] })
  expect(lost).toEqual([{ name: 'CONFIG_GONE', wanted: 'y', got: 'n' }])
  expect(said.join('')).toContain('CONFIG_GONE=y did not survive')
})

test('of two builds at once one compiles, the other waits and takes the result', async () => {
  const both = await Promise.all([build(), build()])
  expect(both[0].image).toBe(both[1].image)
  expect(compilations()).toBe(1)
})

test('Ctrl-C ends a build with 130 and nothing half done; the next one builds', async () => {
  const fifo = join(folder, 'hold')
  execFileSync('mkfifo', [fifo])
  const command = new LabCommand(['kernel', 'build', '--source', tree], { SCMI_LAB_TEST_HOLD: fifo })
  await command.said(/lib\/numbers\.o|compiling/)
  command.child.kill('SIGINT')
  expect(await command.ended).toBe(130)
  expect(command.stdout).toBe('')
  expect(kernels()).toEqual([])
  expect((await build()).wasCached).toBe(false)
  expect(kernels().length).toBe(1)
})

test('objects that a killed build left are not used', async () => {
  const { image } = await build()
  const trees = join(folder, 'cache', 'vhost-user-scmi', 'trees')
  const objects = join(trees, readdirSync(trees).find(name => name.endsWith('-objects'))!)
  writeFileSync(join(objects, 'make-is-running'), '')
  writeFileSync(join(objects, 'half'), '')
  rmSync(join(image, '..'), { recursive: true })
  await build()
  expect(existsSync(join(objects, 'half'))).toBe(false)
})

test('a folder that is not a kernel source is refused in one line', async () => {
  mkdirSync(join(folder, 'empty'))
  await expect(build({ source: join(folder, 'empty') })).rejects.toThrow('is no kernel source tree')
  await expect(build({ source: '5.4' })).rejects.toThrow('--source 5.4: is no such folder; give 7.3, 7.2, 6.12')
})

test('variables that change the result are another kernel, others do not reach the build', async () => {
  const plain = await build()
  process.env.W = '1'
  process.env.CC = 'false'
  expect(await build()).toMatchObject({ image: plain.image, wasCached: true })
  process.env.KCFLAGS = '-O1'
  const flags = await build()
  process.env.LOCALVERSION = '-mine'
  const named = await build()
  expect(new Set([plain, flags, named].map(({ image }) => image)).size).toBe(3)
  const { inputs } = JSON.parse(readFileSync(join(dirname(named.image), 'build.json'), 'utf8'))
  expect(inputs.variables).toEqual(['KCFLAGS=-O1', 'LOCALVERSION=-mine'])
})

test('a missing LLVM is reported before anything is built', async () => {
  process.env.LLVM = '/no/such/'
  await expect(build()).rejects.toThrow(
    'LLVM=/no/such/: there is no /no/such/clang; "scmi-lab setup --with llvm" installs one',
  )
  expect(compilations()).toBe(0)
})

test('--explain says what goes into a kernel, and why it is built or not', async () => {
  const explained = async (...args: string[]) => {
    const command = new LabCommand(['kernel', 'build', '--source', tree, '--explain', ...args])
    expect(await command.ended).toBe(0)
    return command.stdout
  }
  expect(await explained()).toContain(`to be built: the cache has no kernel of ${tree} whose inputs are recorded`)
  const { image } = await build()
  expect(await explained()).toContain(`in the cache: ${image}`)
  const patched = await explained('--patch', patchFile())
  expect(patched).toMatch(/^patches +x\.patch [0-9a-f]{24}$/m)
  expect(patched).toContain('to be built: the nearest kernel in the cache differs in patches')
  expect(compilations()).toBe(1)
})

test('an edited file in a folder that git does not track is another kernel, whatever git shows', async () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', tree, '-c', 'user.name=x', '-c', 'user.email=x@y', ...args])
  git('init', '-q')
  git('add', '.')
  git('commit', '-q', '-m', 'all')
  mkdirSync(join(tree, 'lib/new/deep'), { recursive: true })
  const edit = async (text: string) => {
    writeFileSync(join(tree, 'lib/new/deep/file.c'), text)
    return (await build()).image
  }
  const first = await edit('one')
  const second = await edit('two')
  git('config', 'status.showUntrackedFiles', 'no')
  const third = await edit('three')
  expect(new Set([first, second, third]).size).toBe(3)
})

test('--arch arm builds a zImage by the compiler for 32 bits, in its own folder; --llvm sets Kbuild’s variable', async () => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const programs = ['arm-linux-gnueabihf-gcc', 'clang', 'ld.lld', 'llvm-ar', 'llvm-nm', 'llvm-objcopy']
  for (const name of programs) writeFileSync(join(bin, name), '#!/bin/sh\necho "clang version 99.0"\n', { mode: 0o755 })
  const env = { PATH: `${bin}:${process.env.PATH}` }
  const built = async (...args: string[]) => {
    const command = new LabCommand(['kernel', 'build', '--source', tree, ...args], env)
    expect(await command.ended, command.stderr).toBe(0)
    return command.stdout.trim()
  }
  const plain = await built()
  const image = await built('--arch', 'arm', '--llvm')
  expect(readFileSync(image, 'utf8')).toBe(`arm arm-linux-gnueabihf- 1\n${numbers}`)
  expect(image).not.toBe(plain)
  expect(readFileSync(join(dirname(image), 'config'), 'utf8')).toContain('CONFIG_ARCH_VIRT=y')
  const { inputs } = JSON.parse(readFileSync(join(dirname(image), 'build.json'), 'utf8'))
  expect(inputs.variables).toEqual(['ARCH=arm', 'LLVM=1'])
  expect(inputs.fragments.map((text: string) => text.split(' ')[0])).not.toContain('nxp.config')
  const folders = readdirSync(join(folder, 'cache', 'vhost-user-scmi', 'trees')).map(name => name.replace(/^\w+-/, ''))
  expect(folders).toEqual(expect.arrayContaining(['objects', 'objects-arm-llvm']))
  expect(await built()).toBe(plain)
})

test('without LLVM --llvm says what installs it', async () => {
  const command = new LabCommand(['kernel', 'build', '--source', tree, '--llvm'], { PATH: '/nonexistent' })
  expect(await command.ended).toBe(2)
  expect(command.stderr).toContain('"scmi-lab setup --with llvm" installs it.')
})
