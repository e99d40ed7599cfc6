/** JUnit XML for build servers: a suite for each kernel, a case for each scenario. */
import { differs, type KernelRecord, type ResultRecord, type RunRecord } from '../record.js'
import { type Markup, markup } from './markup.js'
import { evidenceLines } from './text.js'

export function junitText({ kernels, results, began }: RunRecord): string {
  const suites = kernels.map(kernel =>
    suite(
      kernel,
      results.filter(result => result.kernel === kernel.label),
      began,
    ),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${markup`<testsuites>\n${suites}</testsuites>\n`.text}`
}

const inSeconds = (ms: number): string => (ms / 1000).toFixed(3)

function suite({ label, release }: KernelRecord, results: ResultRecord[], began: string): Markup {
  const failed = results.filter(differs).length
  const skipped = results.filter(({ outcome }) => outcome === 'unfit').length
  const ms = results.reduce((sum, result) => sum + result.ms, 0)
  return markup`<testsuite name="${`Linux ${label} (${release})`}" timestamp="${began}" tests="${results.length}" failures="${failed}" errors="0" skipped="${skipped}" time="${inSeconds(ms)}">
${results.map(testCase)}</testsuite>
`
}

function testCase(result: ResultRecord): Markup {
  const { scenario, kernel, ms, outcome, misfit } = result
  const start = markup`<testcase classname="${kernel}" name="${scenario}" time="${inSeconds(ms)}"`
  if (outcome === 'unfit') return markup`${start}><skipped message="${misfit!}"/></testcase>\n`
  if (!differs(result)) return markup`${start}/>\n`
  const message = result.failures[0]?.what ?? 'a recorded failure is gone'
  return markup`${start}><failure message="${message}">${evidenceLines(result).join('\n')}</failure></testcase>\n`
}
