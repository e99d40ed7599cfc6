/** A histogram of what was counted elsewhere; prom-client's own only counts for itself. */
import { Histogram, type HistogramConfiguration } from 'prom-client'
import type { Latency } from '../../protocols/declaration/counts.js'

/** 512 ns to 16.8 ms, by doublings: every fourth of the buckets that times are counted in ends at one of these. */
const BOUNDS_NS: readonly number[] = Array.from({ length: 16 }, (_, i) => 2 ** (9 + i))

const SECOND_NS = 1e9

interface Sample {
  metricName: string
  labels: { le?: number | '+Inf' }
  sharedLabels: Record<string, string>
  value: number
}

export class SettledHistogram<Label extends string> extends Histogram<Label> {
  readonly #name: string
  readonly #help: string
  readonly #values: Sample[] = []

  constructor(configuration: HistogramConfiguration<Label>) {
    super(configuration)
    this.#name = configuration.name
    this.#help = configuration.help
  }

  /** Says how often what took how long: once for each set of labels. */
  settle(labels: Record<Label, string>, { buckets, count, sumNs }: Latency): void {
    const add = (suffix: string, value: number, own: Sample['labels'] = {}) =>
      this.#values.push({ metricName: `${this.#name}_${suffix}`, labels: own, sharedLabels: labels, value })
    for (const bound of BOUNDS_NS) {
      const within = buckets.filter(({ upToNs }) => upToNs <= bound)
      add(
        'bucket',
        within.reduce((sum, bucket) => sum + bucket.count, 0),
        { le: bound / SECOND_NS },
      )
    }
    add('bucket', count, { le: '+Inf' })
    add('sum', sumNs / SECOND_NS)
    add('count', count)
  }

  /** Where a registry gets a metric from, which prom-client's types do not tell. */
  async getForPromString() {
    return { name: this.#name, help: this.#help, type: 'histogram', values: this.#values }
  }
}
