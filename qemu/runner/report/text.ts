/** A run as text: a line for each scenario, the evidence of what differs, and a table if there are several kernels. */
import picocolors from 'picocolors'
import { tableLines } from '../../../src/observe/tables.js'
import { printable, printableLines } from '../../../src/support/printable.js'
import { seconds } from '../../../src/support/progress.js'
import { differs, type ResultRecord, type RunRecord } from '../record.js'

/** No colours in files and pipes, also under CI. */
const colors = picocolors.createColors(process.stdout.isTTY === true && picocolors.isColorSupported)

const NAME_WIDTH = 34
/** Messages in the terminal's evidence; files have more. */
const MESSAGES = 20

/** The word for a scenario's outcome, without colour. */
export function verdict(result: ResultRecord): string {
  if (result.outcome === 'unfit') return '-'
  if (result.asRecorded) return result.outcome === 'passed' ? 'ok' : 'recorded'
  return result.outcome === 'passed' ? 'fixed' : 'FAILED'
}

const PAINT: Record<string, (text: string) => string> = {
  ok: colors.green,
  recorded: colors.yellow,
  fixed: colors.red,
  FAILED: colors.red,
  '-': colors.dim,
}

/** A line, and below it the evidence if the outcome is not as recorded. */
export const resultText = (result: ResultRecord): string =>
  [resultLine(result), ...(differs(result) ? evidenceLines(result, MESSAGES) : [])].join('\n')

export function resultLine(result: ResultRecord): string {
  const word = verdict(result)
  const columns = [
    PAINT[word]!(word.padEnd(8)),
    printable(result.scenario).padEnd(NAME_WIDTH),
    printable(result.kernel).padEnd(10),
    result.outcome === 'unfit' ? colors.dim(printable(result.misfit!)) : seconds(result.ms).padStart(7),
    ...(result.finding && result.outcome !== 'unfit' ? [colors.dim(printable(firstLine(result.finding.symptom)))] : []),
  ]
  return columns.join(' ').trimEnd()
}

const firstLine = (text: string): string => text.trim().split('\n')[0]!
const indent = (text: string, by: string): string => printableLines(text.trimEnd()).replaceAll('\n', `\n${by}`)

/** The evidence: what was expected, what came instead, the log, and the last messages. */
export function evidenceLines(result: ResultRecord, messages = result.messages.length): string[] {
  const by = '             '
  const failures = result.failures.flatMap(({ what, because, said }) => [
    `  expected:  ${indent(what, by)}`,
    `  because:   ${indent(because, by)}`,
    `  but:       ${indent(said, by)}`,
  ])
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [colors.bold(`  ${title}`), ...lines.map(line => `    ${printableLines(line)}`)]
  return [
    ...failures,
    ...(result.finding ? [`  recorded:  ${indent(recordText(result), by)}`] : []),
    ...section(
      'steps',
      result.steps.map(({ text, atMs }) => `${seconds(atMs).padStart(7)} ${text}`),
    ),
    ...section('the last messages', messages > 0 ? result.messages.slice(-messages) : []),
    ...section("the guest's log", result.log),
    ...section('this again, with a shell where it failed', [result.reproduce]),
  ]
}

/** Says how the record differs from what happened. */
function recordText({ finding, outcome }: ResultRecord): string {
  if (outcome === 'passed') return `${finding!.symptom.trim()}\nThis failure is gone: the record is out of date.`
  const { symptom, fails } = finding!
  return `${symptom.trim()}\nIt fails in another way${fails.length > 0 ? ` than: ${fails.join(', ')}` : ''}.`
}

/** Scenarios by kernels, if there are several kernels. */
export function tableText({ kernels, results }: RunRecord): string {
  if (kernels.length < 2) return ''
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))]
  const cell = (scenario: string, kernel: string): string =>
    verdict(results.find(result => result.scenario === scenario && result.kernel === kernel)!)
  const rows = scenarios.map(scenario => ({
    scenario,
    ...Object.fromEntries(kernels.map(({ label }) => [`Linux ${label}`, cell(scenario, label)])),
  }))
  return tableLines(rows).join('\n')
}

/** The last line: counts by outcome. */
export function summaryText({ results, ms }: RunRecord): string {
  const ran = results.filter(({ outcome }) => outcome !== 'unfit')
  const differing = ran.filter(differs).length
  const recorded = ran.filter(result => verdict(result) === 'recorded').length
  const unfit = results.length - ran.length
  return [
    `${ran.length} run in ${seconds(ms)}: ${ran.length - differing} as recorded`,
    ...(recorded ? [`${recorded} of them known findings`] : []),
    ...(differing ? [`${differing} differ`] : []),
    ...(unfit ? [`${unfit} not for this kernel`] : []),
  ].join(', ')
}
