/** A histogram that is counted elsewhere; prom-client's own can only count for itself. */
import { Histogram, type HistogramConfiguration } from 'prom-client'
import type { Latency } from '../../protocols/declaration/counts.js'

/** 512 ns to 16.8 ms, doubling. Each bound is also a bound of every fourth bucket of the latency counters. */
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

  /** Sets the counts of one set of labels. */
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

  /** Called by prom-client's registry, though its types do not say so. */
  async getForPromString() {
    return { name: this.#name, help: this.#help, type: 'histogram', values: this.#values }
  }
}
