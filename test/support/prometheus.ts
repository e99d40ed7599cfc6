/** Prometheus' text format, as a scraper reads it. */
import { expect } from 'vitest'

export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

export interface Scrape {
  samples: Sample[]
  /** By metric: counter, gauge or histogram. */
  types: Record<string, string>
}

/** Fails for a line that is neither a comment nor a sample, and for a sample whose metric has no type. */
export function parseMetrics(text: string): Scrape {
  const types: Record<string, string> = {}
  const samples: Sample[] = []
  for (const line of text.split('\n').filter(Boolean)) {
    const [, metric, type] = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line) ?? []
    if (metric && type) types[metric] = type
    if (line.startsWith('#')) continue
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    expect(name, line).toBeDefined()
    expect(types, line).toHaveProperty(name!.replace(types[name!] ? '' : /_(bucket|sum|count)$/, ''))
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"(?:,|$)/g)].map(([, key, text]) => [key!, text!])
    samples.push({ name: name!, labels: Object.fromEntries(pairs), value: Number(value) })
  }
  return { samples, types }
}

/** Samples of a name that have at least these labels. */
export function samplesOf({ samples }: Scrape, name: string, labels: Record<string, string> = {}): Sample[] {
  return samples.filter(
    sample => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )
}

/** The value of the only sample of a name with these labels. */
export function onlyValue(scrape: Scrape, name: string, labels: Record<string, string> = {}): number {
  const found = samplesOf(scrape, name, labels)
  expect(found, `${name} ${JSON.stringify(labels)}`).toHaveLength(1)
  return found[0]!.value
}
