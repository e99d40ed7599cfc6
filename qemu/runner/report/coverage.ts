/** The coverage of a run, as text and as a part of the page. */
import { tableLines } from '../../../src/observe/tables.js'
import { type Figures, percent } from '../../coverage/figures.js'
import { sourceLines } from '../../coverage/kernel.js'
import type { CoverageRecord, RunCoverage } from '../coverage.js'
import { type Markup, markup } from './markup.js'

/** Missed lines of patches on a terminal; the page and --json have all. */
const MISSED_MAX = 40

const ratio = ({ ran, all }: { ran: number; all: number }): string => `${ran}/${all}`

const row = (file: string, { lines, functions, branches }: Figures) => ({
  file,
  lines: ratio(lines),
  '%': percent(lines),
  functions: ratio(functions),
  branches: ratio(branches),
})

export function coverageText(record: CoverageRecord): string {
  const { kernel, files, all, added, problems } = record
  const rows = [...files.map(file => row(file.file, file)), row('all', all)]
  return [
    `What ran of Linux ${kernel}:`,
    ...tableLines(rows),
    ...(added ? ['', ...addedText(added)] : []),
    ...problems.map(problem => `counters are missing: ${problem}`),
  ].join('\n')
}

type Added = NonNullable<CoverageRecord['added']>
type Missed = Added['missed'][number]

const addedHead = ({ all, code, missed }: Added): string =>
  `Of the ${all} lines that the patches add, ${code} have code that is counted: ${missed.length} of these never ran.`

const nearestText = ({ nearest }: Missed): string =>
  nearest ? `${nearest.scenario} ran line ${nearest.line}` : 'no scenario called the function'

function addedText(added: Added): string[] {
  const shown = added.missed.slice(0, MISSED_MAX)
  const rows = shown.map(missed => ({
    line: `${missed.file}:${missed.line}`,
    text: missed.text.slice(0, 60),
    nearest: nearestText(missed),
  }))
  const more = added.missed.length - shown.length
  return [
    addedHead(added),
    ...(rows.length > 0 ? tableLines(rows) : []),
    ...(more > 0 ? [`and ${more} more: --report and --json have them`] : []),
    ...added.uncounted.map(file => `not counted: ${file}`),
  ]
}

export const COVERAGE_STYLE = `
.source td { border: 0; padding: 0 .8rem 0 0; font: 12px/1.35 ui-monospace, monospace; white-space: pre; }
.source td:first-child, .source td:nth-child(2), .number { text-align: right; color: var(--quiet); }
.source .ran { background: #1a7f3722; } .source .missed { background: #cf222e33; } .source .half { background: #9a670033; }
`

/** Table, lines of patches, and the source of each file. */
export function coverageSection({ record, files, counting }: RunCoverage): Markup {
  const id = (file: string): string => `${record.kernel}:${file}`.replaceAll(/[^\w@.+-]/g, '-')
  const rows = [...record.files.map(file => ({ name: file.file, figures: file })), { name: 'all', figures: record.all }]
  const table = rows.map(({ name, figures }) => {
    const { lines, functions, branches } = figures
    const link = name === 'all' ? markup`${name}` : markup`<a href="#${id(name)}">${name}</a>`
    return markup`<tr><td>${link}</td><td>${percent(lines)} %</td>${[lines, functions, branches].map(
      share => markup`<td class="number">${ratio(share)}</td>`,
    )}</tr>\n`
  })
  const sources = files.map(file => {
    const lines = sourceLines(counting, file.file).map((text, index) => {
      const known = file.lines.get(index + 1)
      const isHalf = known?.branches.some(count => count === 0)
      const kind = known === undefined ? '' : known.count === 0 ? 'missed' : isHalf ? 'half' : 'ran'
      return markup`<tr class="${kind}"><td>${index + 1}</td><td>${known?.count ?? ''}</td><td>${text}</td></tr>\n`
    })
    return markup`<details id="${id(file.file)}"><summary>${file.file}</summary><table class="source">${lines}</table></details>\n`
  })
  return markup`<h2>What ran of Linux ${record.kernel}</h2>
${record.added ? addedMarkup(record.added) : ''}
<table><tr><th>File</th><th>Lines</th><th></th><th>Functions</th><th>Branches</th></tr>
${table}</table>
${record.problems.map(problem => markup`<p>Counters are missing: ${problem}</p>`)}
<p><small>Green: it ran. Yellow: it ran, and a way from it was never taken. Red: it never ran.</small></p>
${sources}`
}

function addedMarkup(added: Added): Markup {
  const rows = added.missed.map(
    missed =>
      markup`<tr><td>${missed.file}:${missed.line}</td><td><code>${missed.text}</code></td><td>${nearestText(missed)}</td></tr>\n`,
  )
  return markup`<p>${addedHead(added)}</p><table>${rows}</table>
${added.uncounted.map(file => markup`<p>Not counted: ${file}</p>`)}`
}
