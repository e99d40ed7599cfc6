/** A result as a self-contained HTML page: charts, the table, the machine, how to read it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Cell, Result } from './result.js'
import { resultLines } from './text.js'

/** Colours by back end. */
const COLOURS: Record<Cell['backEnd'], string> = {
  device: '#2563eb',
  other: '#d97706',
  'busy loop': '#16a34a',
  'native floor': '#64748b',
  'event loop': '#cbd5e1',
}

interface Chart {
  title: string
  unit: string
  logarithmic: boolean
  labels: string[]
  datasets: { label: string; data: number[]; backgroundColor: string }[]
}

export const HOW_TO_READ = [
  'The busy loop is the limit: it polls the ring, answers with constants and checks nothing. The event loop does the same, but sleeps in epoll. The native floor is the device itself with constant answers in C++ instead of TypeScript.',
  'All back ends took turns in every round, so that noise affects them alike. Ratios compare rates of the same round: median, lowest, highest. Rates and latencies depend on the machine; ratios hardly do.',
  'A spinning front end polls for its answer for 50 us before it sleeps; a sleeping one takes all answers, sends as many again, kicks once and waits for the signal, as a driver does. Latency is from making a command available to seeing its answer. With 128 commands in flight each waits for the others.',
  'Fairness, with several guests: messages of the guest that got fewest, divided by those of the one that got most. All keep the same number in flight.',
  'CPU is the CPU time per message of all threads of the back end, including time spent polling.',
  'If much CPU time was stolen or used by others, run it again: differences below 25 % then mean nothing.',
]

/** The cells of each group of charts: those that differ only in mix and depth. */
function groupsOf(cells: readonly Cell[]): Map<string, Cell[]> {
  const groups = new Map<string, Cell[]>()
  for (const cell of cells) {
    const { wait, descriptors, eventIdx, guests, cores } = cell.scenario
    const front = wait === 'spin' ? 'Spinning front end' : 'Sleeping front end'
    const how = `${descriptors} descriptors, EVENT_IDX ${eventIdx ? 'on' : 'off'}`
    const title = `${front}, ${guests === 1 ? 'one guest' : `${guests} guests`}, ${how}, cores: ${cores}`
    groups.set(title, [...(groups.get(title) ?? []), cell])
  }
  return groups
}

function chartOf(
  cells: readonly Cell[],
  chart: Pick<Chart, 'title' | 'unit' | 'logarithmic'>,
  value: (cell: Cell) => number,
): Chart {
  const labelOf = ({ scenario }: Cell) => `${scenario.mix}, depth ${scenario.depth}`
  const labels = [...new Set(cells.map(labelOf))]
  const backEnds = [...new Set(cells.map(cell => cell.backEnd))]
  return {
    ...chart,
    labels,
    datasets: backEnds.map(backEnd => ({
      label: backEnd,
      backgroundColor: COLOURS[backEnd],
      data: labels.map(label => {
        const cell = cells.find(candidate => candidate.backEnd === backEnd && labelOf(candidate) === label)
        return cell ? value(cell) : 0
      }),
    })),
  }
}

function fairnessChart(cells: readonly Cell[], title: string): Chart {
  const chart = { title: `${title}: fairness`, unit: 'fewest / most messages of a guest', logarithmic: false }
  return chartOf(cells, chart, cell => cell.fairness?.median ?? 0)
}

function chartsOf(cells: readonly Cell[]): Chart[] {
  return [...groupsOf(cells)].flatMap(([title, group]) => [
    chartOf(group, { title: `${title}: rate`, unit: 'messages per second', logarithmic: true }, cell => cell.rate),
    chartOf(group, { title: `${title}: p99.9`, unit: 'microseconds', logarithmic: true }, cell => cell.latencyUs.p999),
    ...(group.some(({ fairness }) => fairness) ? [fairnessChart(group, title)] : []),
  ])
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** JSON that is safe inside a script element. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')

function chartLibrary(): string {
  const source = readFileSync(createRequire(import.meta.url).resolve('#root/dist/vendor/chart.js'), 'utf8')
  return source.replaceAll('</script', '<\\/script').replace(/\n\/\/# sourceMappingURL=.*/, '')
}

/** The page. */
export function reportHtml(result: Result): string {
  const charts = chartsOf(result.cells)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>vhost-user-scmi bench, ${escaped(result.date)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #0f172a }
  pre { font-size: 13px; overflow-x: auto; background: #f8fafc; padding: 1rem }
  figure { margin: 2rem 0 } figcaption { font-weight: 600 }
</style>
<h1>vhost-user-scmi bench</h1>
<p>Version ${escaped(result.version)}, ${escaped(result.date)}</p>
<pre>${escaped(resultLines(result).join('\n'))}</pre>
<h2>How to read it</h2>
${HOW_TO_READ.map(paragraph => `<p>${escaped(paragraph)}</p>`).join('\n')}
${charts.map((chart, i) => `<figure><figcaption>${escaped(chart.title)}</figcaption><canvas id="chart${i}" height="110"></canvas></figure>`).join('\n')}
<script>${chartLibrary()}</script>
<script type="application/json" id="result">${inScript(result)}</script>
<script>
for (const [i, chart] of ${inScript(charts)}.entries()) {
  new Chart(document.getElementById('chart' + i), {
    type: 'bar',
    data: { labels: chart.labels, datasets: chart.datasets },
    options: {
      animation: false,
      scales: { y: { type: chart.logarithmic ? 'logarithmic' : 'linear', title: { display: true, text: chart.unit } } },
    },
  })
}
</script>
</html>
`
}
