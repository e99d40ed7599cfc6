/**
 * The machine's device tree: QEMU dumps its own, dtc merges source into it. The result is cached by the hash of its
 * inputs, so a second boot runs neither.
 */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { shapingArguments } from '../machine/machine.js'
import { target } from '../support/architectures.js'
import { WorkError } from '../support/errors.js'
import { hash, writeWhole } from '../support/files.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'
import { findProgram } from '../support/tools.js'
import { type GivenSource, problemOf, sourceOf } from './given-source.js'

export interface DeviceTreeOptions {
  /** QEMU's arguments for the machine; those that do not affect the tree are ignored. */
  arguments: string[]
  /** Device tree source to merge. */
  source: string
  /** Source of the user's own, merged last. */
  given?: readonly GivenSource[] | undefined
  signal?: AbortSignal | undefined
}

/** QEMU's random seeds would make each dump differ; with a fixed seed a boot is repeatable. */
const FIXED_SEED =
  '/ { chosen { rng-seed = [73 63 6d 69 2d 6c 61 62 20 67 75 65 73 74 20 73 65 65 64 20 33 32 20 62 79 74 65 73 2e 2e 2e]; }; };'

/** Makes the guest's device tree and returns the path of the blob. */
export async function makeDeviceTree(options: DeviceTreeOptions): Promise<string> {
  const shaping = shapingArguments(options.arguments)
  const qemu = realpathSync(findProgram(target().qemu)!)
  const { size, mtimeMs } = statSync(qemu)
  const { given = [] } = options
  const texts = [options.source, ...given.map(({ text }) => text)]
  const path = cachePath('dtb', `${hash(qemu, `${size} ${mtimeMs}`, shaping.join('\0'), ...texts, FIXED_SEED)}.dtb`)
  if (existsSync(path)) return path
  const folder = mkdtempSync(`${path}.work-`)
  try {
    const dump = join(folder, 'machine.dtb')
    const machine = ['-machine', `dumpdtb=${dump},dtb-randomness=off`, '-nic', 'none', '-display', 'none']
    await run(target().qemu, [...shaping, ...machine], { signal: options.signal, what: 'dumping the device tree' })
    const source = `${FIXED_SEED}\n${options.source}`
    writeWhole(path, await mergeDeviceTree(readFileSync(dump), source, { given, signal: options.signal }))
    return path
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Appends source to a device tree blob as if all were one file: nodes merge, labels and paths can be referred to. Throws
 * LabError for what is wrong with source of the user's own.
 */
export async function mergeDeviceTree(
  blob: Buffer,
  source: string,
  { given = [], signal }: Pick<DeviceTreeOptions, 'given' | 'signal'> = {},
): Promise<Buffer> {
  const folder = mkdtempSync(cachePath('dtb', 'merge-'))
  try {
    const [from, text, to] = ['from.dtb', 'merged.dts', 'to.dtb'].map(name => join(folder, name)) as [
      string,
      string,
      string,
    ]
    writeWhole(from, blob)
    await run('dtc', ['-q', '-q', '-I', 'dtb', '-O', 'dts', '-o', text, from], { signal })
    writeWhole(text, [readFileSync(text, 'utf8'), source, ...given.map(sourceOf), ''].join('\n'))
    await run('dtc', ['-q', '-I', 'dts', '-O', 'dtb', '-o', to, text], { signal })
    return readFileSync(to)
  } catch (error) {
    if (!(error instanceof WorkError)) throw error
    const problem = problemOf(error.message, given)
    if (problem) throw problem
    throw new WorkError(`the device tree does not merge: ${error.message}\n--- the source\n${source}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
