/** Runs test files in their own process, with or without sanitizers, and collects the results. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WorkError } from '../../qemu/support/errors.js'
import { packageRoot } from '../../qemu/support/paths.js'
import { run } from '../../qemu/support/process.js'
import { startProgress } from '../../src/support/progress.js'

/** Vitest's JSON report. */
interface Report {
  testResults: {
    name: string
    message: string
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[]
  }[]
}

export interface SuiteRun {
  passed: string[]
  failures: string[]
}

export interface SuiteOptions {
  title: string
  /** Files and folders. */
  tests: readonly string[]
  exclude?: readonly string[]
  sanitized?: boolean
  signal: AbortSignal
}

export async function runSuite({
  title,
  tests,
  exclude = [],
  sanitized = false,
  signal,
}: SuiteOptions): Promise<SuiteRun> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-torture-'))
  const report = join(folder, 'report.json')
  const progress = startProgress(title)
  let done = 0
  const words = [
    ...[join(packageRoot, 'node_modules/vitest/vitest.mjs'), 'run', ...tests],
    ...exclude.flatMap(file => ['--exclude', file]),
    ...['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`],
  ]
  try {
    await run(process.execPath, words, {
      cwd: packageRoot,
      env: { ...process.env, ...(sanitized ? sanitizedEnvironment() : {}) },
      signal,
      onLine: line => {
        if (/^\s*[✓×]/.test(line)) done++
        progress.update('tests', undefined, `${done}, ${line.trim()}`)
      },
      what: title,
    })
  } catch (error) {
    // Failed tests are in the report; without a report, none ran.
    if (!(error instanceof WorkError) || !exists(report)) throw error
  } finally {
    progress.stop()
  }
  const result = summary(JSON.parse(readFileSync(report, 'utf8')) as Report)
  rmSync(folder, { recursive: true })
  return result
}

function exists(path: string): boolean {
  try {
    return readFileSync(path).length > 0
  } catch {
    return false
  }
}

function summary({ testResults }: Report): SuiteRun {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const failed = tests.filter(({ status }) => status !== 'passed')
  const broken = testResults.filter(({ assertionResults, message }) => assertionResults.length === 0 && message)
  return {
    passed: tests.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName),
    failures: [
      ...failed.map(
        ({ fullName, status, failureMessages }) => `${fullName}: ${failureMessages[0]?.split('\n')[0] ?? status}`,
      ),
      ...broken.map(({ name, message }) => `${name}: ${message.split('\n')[0]}`),
    ],
  }
}

/**
 * Node is built without sanitizers, so their runtime is preloaded. Leak detection is off, because V8 frees nothing at exit;
 * SIGSEGV is left to Node, whose WebAssembly needs it.
 */
function sanitizedEnvironment(): NodeJS.ProcessEnv {
  const library = (name: string) => execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
  return {
    LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
    ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    NODE_OPTIONS: '--conditions=sanitized',
    SCMI_SANITIZED: '1',
  }
}
