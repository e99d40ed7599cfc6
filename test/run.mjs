/**
 * `npm test`: vitest, with a second and a third look at files that fail. Tests that fail by chance would cost whole runs: they
 * are named as flaky, counted, and pass. Takes vitest's own arguments. Plain JavaScript: it runs what is to be compiled, too.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { createVitest, parseCLI } from 'vitest/node'

/** How often a file is run again, alone. */
const RERUNS = 2
/** More files than these do not fail by chance. */
const RERUN_FILES_MAX = 10

/** The name for what fails outside of tests. */
const THE_FILE = '(the file)'

/** .ci/run counts from this file. */
const report = process.env.SCMI_TEST_REPORT

/**
 * What became of one test over all runs of its file; what fails outside of tests, a crash or an import, counts as one more.
 * @typedef {{ file: string, name: string, passed: number, failed: number, errors: string[] }} Outcome
 */

/** Outcomes of all tests, by file and then by name. */
class Outcomes {
  /** @type {Map<string, Map<string, Outcome>>} */
  #files = new Map()

  /** Takes note of how a run of `specs` went. */
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
    // One that was under way in a crash says nothing: the file does.
    if (state === 'failed') {
      outcome.failed++
      outcome.errors = errors.map(error => String(error.stack ?? error.message ?? error))
    }
  }

  /** Files with a test that has not passed yet and failed. */
  get failedFiles() {
    return [...this.#files].filter(([, tests]) => [...tests.values()].some(hasFailed)).map(([file]) => file)
  }

  /** A file failed outside of its tests, if only once. */
  get aFileFailed() {
    return this.all.some(({ name, failed }) => name === THE_FILE && failed > 0)
  }

  get all() {
    return [...this.#files.values()].flatMap(tests => [...tests.values()])
  }
}

const hasFailed = ({ passed, failed }) => failed > 0 && passed === 0

/** Errors outside of tests: of an import, or of what runs before and after all of them. */
function errorsOf(module) {
  if (!module) return []
  return [...module.errors(), ...[...module.children.allSuites()].flatMap(suite => suite.errors())]
}

/** An error of no file. */
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
/** Errors of no file that is known. */
const others = []
// Vitest would end at the first, and it has many when it tells something to a process of tests that has crashed.
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
  // Those of a process that crashed name no file, but that file has not ended.
  const { flaky, ...counts } = summary(outcomes, outcomes.aFileFailed ? [] : others.map(asOutcome))
  console.log(['', ...flaky, `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`].join('\n'))
  if (report) writeFileSync(report, JSON.stringify({ ...counts, flaky }))
  status = counts.failed > 0 || counts.passed === 0 ? 1 : 0
} catch (error) {
  console.error(error)
}
await vitest.close()
process.exit(status)
