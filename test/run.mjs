/**
 * `npm test`: runs vitest, and runs files that fail again, up to twice. A test that then passes counts as passed, and is
 * printed as flaky. Takes vitest's arguments.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { createVitest, parseCLI } from 'vitest/node'

/** How often a file that failed is run again, alone. */
const RERUNS = 2
/** If more files fail, it is not by chance: none is run again. */
const RERUN_FILES_MAX = 10

/** The name for what fails outside of tests. */
const THE_FILE = '(the file)'

/** The results, for .ci/run. */
const report = process.env.SCMI_TEST_REPORT

/**
 * The results of one test over all runs of its file. A failure outside of tests, such as a crash or an import, counts as a
 * test of its own.
 * @typedef {{ file: string, name: string, passed: number, failed: number, errors: string[] }} Outcome
 */

/** Outcomes of all tests, by file and then by name. */
class Outcomes {
  /** @type {Map<string, Map<string, Outcome>>} */
  #files = new Map()

  /** Adds the results of a run of `specs`. */
  add(specs, { testModules, unhandledErrors }) {
    for (const spec of specs) {
      const file = spec.moduleId
      const module = testModules.find(module => module.moduleId === file)
      const errors = [...unhandledErrors.filter(error => error.VITEST_TEST_PATH === file), ...errorsOf(module)]
      const names = new Map()
      for (const test of module?.children.allTests() ?? []) {
        // Tests may have the same name.
        const nth = (names.get(test.fullName) ?? 0) + 1
        names.set(test.fullName, nth)
        const { state, errors = [] } = test.result()
        this.#note(file, nth === 1 ? test.fullName : `${test.fullName} (${nth})`, state, errors)
      }
      const ended = module && !['pending', 'queued'].includes(module.state())
      if (!ended && errors.length === 0) errors.push({ message: 'the process of the tests ended before they did' })
      if (errors.length > 0) this.#note(file, THE_FILE, 'failed', errors)
      else this.#of(file, THE_FILE).passed++
    }
  }

  #of(file, name) {
    const tests = this.#files.get(file) ?? new Map()
    this.#files.set(file, tests)
    const outcome = tests.get(name) ?? { file: relative(process.cwd(), file), name, passed: 0, failed: 0, errors: [] }
    tests.set(name, outcome)
    return outcome
  }

  #note(file, name, state, errors) {
    const outcome = this.#of(file, name)
    if (state === 'passed') outcome.passed++
    // A test that a crash interrupted has no result; the file's failure counts instead.
    if (state === 'failed') {
      outcome.failed++
      outcome.errors = errors.map(error => String(error.stack ?? error.message ?? error))
    }
  }

  /** Files with a test that failed and has never passed. */
  get failedFiles() {
    return [...this.#files].filter(([, tests]) => [...tests.values()].some(hasFailed)).map(([file]) => file)
  }

  /** Whether a file failed outside of its tests, at least once. */
  get aFileFailed() {
    return this.all.some(({ name, failed }) => name === THE_FILE && failed > 0)
  }

  get all() {
    return [...this.#files.values()].flatMap(tests => [...tests.values()])
  }
}

const hasFailed = ({ passed, failed }) => failed > 0 && passed === 0

/** Errors outside of tests: of imports, beforeAll and afterAll. */
function errorsOf(module) {
  if (!module) return []
  return [...module.errors(), ...[...module.children.allSuites()].flatMap(suite => suite.errors())]
}

/** An error that belongs to no file. */
const asOutcome = error => ({ file: 'vitest', name: String(error?.name), errors: [String(error?.stack ?? error)] })

function summary(outcomes, others) {
  const tests = outcomes.all.filter(({ name }) => name !== THE_FILE)
  const failures = [...outcomes.all.filter(hasFailed), ...others]
  return {
    passed: tests.filter(({ passed }) => passed > 0).length,
    failed: failures.length,
    skipped: tests.filter(({ passed, failed }) => passed + failed === 0).length,
    flaky: outcomes.all
      .filter(({ passed, failed }) => passed > 0 && failed > 0)
      .map(({ file, name, passed, failed }) => `flaky: ${file} > ${name}, ${failed} of ${passed + failed}`),
    failures: failures.map(({ file, name, errors }) => `${file} > ${name}\n${errors.join('\n')}`),
  }
}

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
const vitest = await createVitest('test', { ...options, watch: false })
const outcomes = new Outcomes()
/** Errors that belong to no known file. */
const others = []
// Vitest would end at the first unhandled rejection, and it causes many when it writes to a test process that has crashed.
process.removeAllListeners('unhandledRejection')
process.on('unhandledRejection', error => others.push(error))

async function run(specs, start) {
  const result = await start()
  outcomes.add(specs, result)
  const known = new Set(specs.map(spec => spec.moduleId))
  return result.unhandledErrors.filter(error => !known.has(error.VITEST_TEST_PATH))
}

let status = 1
try {
  const specs = await vitest.globTestSpecifications(filter)
  const stray = await run(specs, () => vitest.start(filter))
  const again = outcomes.failedFiles
  others.push(...stray)
  if (again.length <= RERUN_FILES_MAX) {
    for (const file of again) {
      for (let i = 0; i < RERUNS && outcomes.failedFiles.includes(file); i++) {
        console.error(`\nagain, alone: ${relative(process.cwd(), file)}`)
        const alone = specs.filter(spec => spec.moduleId === file)
        await run(alone, () => vitest.runTestSpecifications(alone))
      }
    }
  } else console.error(`\n${again.length} files failed: none is run again`)
  // Errors of a crashed process name no file, but its file counts as failed.
  const { flaky, ...counts } = summary(outcomes, outcomes.aFileFailed ? [] : others.map(asOutcome))
  console.log(['', ...flaky, `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`].join('\n'))
  if (report) writeFileSync(report, JSON.stringify({ ...counts, flaky }))
  status = counts.failed > 0 || counts.passed === 0 ? 1 : 0
} catch (error) {
  console.error(error)
}
await vitest.close()
process.exit(status)
