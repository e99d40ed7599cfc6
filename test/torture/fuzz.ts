/** Builds the fuzz targets with clang, and runs them side by side: libFuzzer, address and undefined behaviour sanitizers. */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setup } from '../../qemu/setup/setup.js'
import { WorkError } from '../../qemu/support/errors.js'
import { packageRoot } from '../../qemu/support/paths.js'
import { run } from '../../qemu/support/process.js'
import { TOOLS_FOR } from '../../qemu/support/tools.js'
import { startProgress } from '../../src/support/progress.js'
import type { Result } from './result.js'

const TARGETS = ['session', 'ring', 'chain'] as const
const SOURCES = join(packageRoot, 'test/fuzz')
const NATIVE = join(packageRoot, 'native')
const BUILD = join(packageRoot, 'build/fuzz')
/** Sources that need Node or an event loop. */
const NOT_FUZZED = [
  'addon.cc',
  'binding.cc',
  'shared_memory_calls.cc',
  'event_loop.cc',
  'file_calls.cc',
  'front_end_calls.cc',
  'javascript_side.cc',
  'options.cc',
  'values.cc',
]
const COMPILERS = 2

const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined']
const FLAGS = [
  '-std=c++20',
  '-g',
  '-O1',
  '-fno-exceptions',
  '-fno-omit-frame-pointer',
  '-Wall',
  '-Wextra',
  `-I${NATIVE}`,
]

export interface FuzzOptions {
  /** For each target. */
  seconds: number
  seed: number
  signal: AbortSignal
}

export async function fuzz(options: FuzzOptions): Promise<Result[]> {
  await setup({ names: TOOLS_FOR.fuzzing, signal: options.signal })
  await build(options.signal)
  const progress = startProgress('fuzz')
  try {
    const counts = new Map<string, number>()
    const told = (target: string, count: number, fraction: number) => {
      counts.set(target, count)
      progress.update('executions', fraction, [...counts].map(([name, n]) => `${name} ${n}`).join(', '))
    }
    return await Promise.all(TARGETS.map(target => runTarget(target, options, told)))
  } finally {
    progress.stop()
  }
}

const changed = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
const filesIn = (folder: string, ending: string) =>
  readdirSync(folder)
    .filter(name => name.endsWith(ending))
    .map(name => join(folder, name))

/** Compiles what is older than its sources. */
async function build(signal: AbortSignal): Promise<void> {
  const headers = Math.max(...[NATIVE, SOURCES].flatMap(folder => filesIn(folder, '.h')).map(changed))
  const native = filesIn(NATIVE, '.cc').filter(file => !NOT_FUZZED.includes(basename(file)))
  const units = [...native, join(SOURCES, 'harness.cc')]
  const objectOf = (source: string) => join(BUILD, `${basename(source, '.cc')}.o`)
  const stale = units.filter(source => changed(objectOf(source)) < Math.max(changed(source), headers))
  const newest = () => Math.max(...units.map(objectOf).map(changed), headers)
  if (stale.length === 0 && TARGETS.every(target => changed(join(BUILD, target)) >= newest())) return
  mkdirSync(BUILD, { recursive: true })
  const progress = startProgress('fuzz targets')
  const clang = (words: string[]) => run('clang++', [...FLAGS, ...SANITIZERS, ...words], { signal, what: 'clang++' })
  const queue = [...stale]
  const compile = async (): Promise<void> => {
    for (let source = queue.shift(); source; source = queue.shift()) {
      progress.update('compiling', 1 - queue.length / stale.length, basename(source))
      await clang(['-fsanitize=fuzzer-no-link', '-c', source, '-o', objectOf(source)])
    }
  }
  try {
    await Promise.all(Array.from({ length: COMPILERS }, compile))
    for (const target of TARGETS) {
      const source = join(SOURCES, `${target}.cc`)
      await clang(['-fsanitize=fuzzer', source, ...units.map(objectOf), '-o', join(BUILD, target)])
    }
  } finally {
    progress.stop()
  }
}

/** Progress of a target: executions so far, and the fraction of its time that has passed (0 to 1). */
type Told = (target: string, count: number, fraction: number) => void

/** Adds new inputs to a corpus in the build folder, for the next run; the seeds in the repository stay as they are. */
async function runTarget(target: string, { seconds, seed, signal }: FuzzOptions, told: Told): Promise<Result> {
  const corpus = join(BUILD, 'corpus', target)
  const findings = join(BUILD, 'findings', target, '/')
  for (const folder of [corpus, findings]) mkdirSync(folder, { recursive: true })
  let count = 0
  const began = performance.now()
  const failures: string[] = []
  try {
    await run(
      join(BUILD, target),
      [
        ...[`-max_total_time=${seconds}`, `-seed=${seed}`, '-max_len=4096', '-timeout=30', '-rss_limit_mb=2048'],
        // The device has its own SIGBUS handler, for memory files that shrink.
        ...['-handle_bus=0', '-print_final_stats=1', `-artifact_prefix=${findings}`],
        ...[corpus, join(SOURCES, 'corpus', target)],
      ],
      {
        signal,
        what: `fuzz target ${target}`,
        onLine: line => {
          const runs = /^#(\d+)\s|^stat::number_of_executed_units:\s*(\d+)/.exec(line)
          if (runs) count = Number(runs[1] ?? runs[2])
          const elapsed = (performance.now() - began) / 1000 / seconds
          if (runs) told(target, count, Math.min(elapsed, 1))
        },
      },
    )
  } catch (error) {
    if (!(error instanceof WorkError)) throw error
    failures.push(`${error.message}\nThe input is in ${findings}; ${join(BUILD, target)} FILE repeats it`)
  }
  const what = `executions of the fuzz target ${target}`
  return { part: 'fuzz', what, count, seconds: (performance.now() - began) / 1000, seed, failures }
}
