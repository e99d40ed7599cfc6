/** A run as one page that loads nothing, so that it can be attached to a mail. */
import { seconds } from '../../../src/support/progress.js'
import type { Change } from '../baseline.js'
import type { RunCoverage } from '../coverage.js'
import { differs, type KernelRecord, type ResultRecord, type RunRecord } from '../record.js'
import { COVERAGE_STYLE, coverageSection } from './coverage.js'
import { type Markup, markup } from './markup.js'
import { evidenceLines, summaryText, verdict } from './text.js'

const STYLE = `
:root { color-scheme: light dark; --ok: #1a7f37; --bad: #cf222e; --known: #9a6700; --quiet: #6e7781; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
pre { overflow-x: auto; background: #8881; padding: .7rem; border-radius: 4px; font-size: 13px; }
.ok { color: var(--ok); } .FAILED, .fixed, .worse { color: var(--bad); font-weight: 600; } .better { color: var(--ok); }
.recorded, .different { color: var(--known); } .none, small { color: var(--quiet); }
summary { cursor: pointer; }
`

/** `changes`: since the baseline, if there is one. `coverage`: of kernels that count. */
export function htmlText(run: RunRecord, changes?: readonly Change[], coverage: readonly RunCoverage[] = []): string {
  const differing = run.results.filter(differs)
  const known = run.results.filter(result => !differs(result) && result.outcome === 'failed')
  const title = `SCMI lab: ${run.kernels.map(({ label }) => `Linux ${label}`).join(', ')}`
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${STYLE}${coverage.length > 0 ? COVERAGE_STYLE : ''}</style></head><body>
<h1>${title}</h1>
<p>${summaryText(run)}.<br><small>${run.began}, ${run.command}</small></p>
${changes ? changesSection(changes) : ''}
${table(run)}
${section('What differs', differing)}
${section('Known findings', known)}
${coverage.map(coverageSection)}
<h2>Kernels</h2>
${run.kernels.map(kernelSection)}
<h2>Versions</h2>
<table>${Object.entries(run.versions).map(([name, version]) => markup`<tr><td>${name}</td><td>${version}</td></tr>`)}</table>
</body></html>
`.text
}

const anchor = ({ scenario, kernel }: ResultRecord): string => `${scenario}@${kernel}`.replaceAll(/[^\w@.+-]/g, '-')

function changesSection(changes: readonly Change[]): Markup {
  if (changes.length === 0) return markup`<h2>Since the baseline</h2><p>Nothing changed.</p>`
  const rows = changes.map(
    ({ kind, scenario, kernel, text }) =>
      markup`<tr><td class="${kind}">${kind}</td><td>${scenario}</td><td>${kernel}</td><td>${text}</td></tr>\n`,
  )
  return markup`<h2>Since the baseline</h2><table>${rows}</table>`
}

function table({ kernels, results }: RunRecord): Markup {
  const head = kernels.map(({ label }) => markup`<th>${label}</th>`)
  const names = [...new Set(results.map(({ scenario }) => scenario))]
  const rows = names.map(name => {
    const ofScenario = results.filter(({ scenario }) => scenario === name)
    const cells = kernels.map(({ label }) => cell(ofScenario.find(({ kernel }) => kernel === label)))
    return markup`<tr><td>${name}<br><small>${ofScenario[0]!.summary}</small></td>${cells}</tr>\n`
  })
  return markup`<table><tr><th>Scenario</th>${head}</tr>\n${rows}</table>`
}

function cell(result: ResultRecord | undefined): Markup {
  if (!result) return markup`<td></td>`
  const word = verdict(result)
  if (result.outcome === 'unfit') return markup`<td class="none" title="${result.misfit!}">–</td>`
  if (result.outcome === 'passed' && !differs(result))
    return markup`<td class="ok">ok <small>${seconds(result.ms)}</small></td>`
  return markup`<td><a class="${word}" href="#${anchor(result)}">${word}</a> <small>${seconds(result.ms)}</small></td>`
}

function section(title: string, results: readonly ResultRecord[]): Markup {
  if (results.length === 0) return markup``
  return markup`<h2>${title}</h2>${results.map(evidence)}`
}

function evidence(result: ResultRecord): Markup {
  const { scenario, kernel, summary, finding } = result
  const cause = finding ? markup`<p>${finding.symptom}</p><p>${finding.cause}</p>` : ''
  return markup`<h3 id="${anchor(result)}">${scenario} on ${kernel}</h3>
<p>${summary}</p>${cause}<details${differs(result) ? markup` open` : ''}><summary>Evidence</summary>
<pre>${evidenceLines(result).join('\n')}</pre></details>
`
}

function kernelSection({ label, release, source, variant, patches, config }: KernelRecord): Markup {
  return markup`<h3>${label}</h3>
<table><tr><td>Release</td><td>${release}</td></tr><tr><td>Source</td><td>${source}</td></tr>
<tr><td>Variant</td><td>${variant}</td></tr>${patches.map(patch => markup`<tr><td>Patch</td><td>${patch}</td></tr>`)}</table>
<details><summary>Configuration</summary><pre>${config.join('\n')}</pre></details>
`
}
