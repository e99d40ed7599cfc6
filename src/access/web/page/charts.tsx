/** Rates, latencies and chosen values over the last minutes. */
import { formatQuantity, type Unit, unitNamed } from '../../../platform/core/unit-text.js'
import { Chart, type Series } from './chart.js'
import { latencies, plots, plotted, rates } from './history.js'
import { hello } from './state.js'

const MICROSECONDS: Unit = { name: 'us', sizes: { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 }, one: 1e3, spellings: {} }

export function Charts() {
  rates.version.value
  return (
    <section class="charts" aria-label="Charts">
      <Chart title="Messages per second" history={rates} series={namesOf(rates)} format={rateText} />
      <Chart
        title="Latency"
        history={latencies}
        series={namesOf(latencies)}
        format={value => formatQuantity(Number(value.toPrecision(3)), MICROSECONDS)}
        isLogarithmic
      />
      {byUnit().map(({ title, unit, series }) => (
        <Chart
          key={title}
          title={title}
          history={plots}
          series={series}
          format={value => formatQuantity(Number(value.toPrecision(5)), unit)}
        />
      ))}
    </section>
  )
}

function namesOf({ columns }: typeof rates): Series[] {
  return [...columns.keys()].map(name => ({ column: name, label: name }))
}

function rateText(value: number): string {
  return Math.round(value).toLocaleString('en')
}

interface Group {
  title: string
  unit: Unit | undefined
  series: Series[]
}

/** The plotted properties, one chart per unit. */
function byUnit(): Group[] {
  const groups = new Map<string, Group>()
  for (const { name, main, properties } of hello.value?.description.resources ?? []) {
    for (const property of properties.filter(({ address }) => plotted.value.has(address))) {
      const title = property.unit ? `Values in ${property.unit}` : 'Plain values'
      const group = groups.get(title) ?? { title, unit: unitNamed(property.unit), series: [] }
      group.series.push({ column: property.address, label: property.name === main ? name : `${name} ${property.name}` })
      groups.set(title, group)
    }
  }
  return [...groups.values()]
}
