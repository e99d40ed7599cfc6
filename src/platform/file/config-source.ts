/** The text of a platform file: YAML to plain data, and positions in the text. Knows no sections. */
import { ConfigError } from '../core/config-error.js'
import type { Problem } from './config-issues.js'
import { Repeats } from './repeats.js'
import { YamlText, YamlTextError } from './yaml-text.js'

/** The text of a platform file, or of another in YAML, and the position of each field in it. */
export class ConfigSource {
  readonly #file: string
  readonly #text: string
  readonly #yaml: YamlText
  readonly #repeats = new Repeats()
  /** Plain data with repeats expanded; set by the first call of `data`. */
  #data: unknown

  /** Throws ConfigError if the text is not YAML. */
  constructor(text: string, file: string) {
    this.#file = file
    this.#text = text
    this.#yaml = this.#placed(() => new YamlText(text))
  }

  /** The file as plain data. Throws ConfigError if aliases or repeats make it too large. */
  data(): unknown {
    if (this.#data === undefined) {
      this.#data = this.#placed(() => this.#repeats.expand(this.#yaml.data ?? {}))
    }
    return this.#data
  }

  /** Adds the place in the text to errors of `read`. */
  #placed<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (error instanceof ConfigError) throw this.error({ path: error.path, text: error.problem, place: 'value' })
      if (error instanceof YamlTextError) throw new ConfigError([], error.message, this.#place(error.offset))
      throw error
    }
  }

  /** The list of texts under the top-level `key`; empty if it is anything else, which the schema reports. */
  texts(key: string): string[] {
    const list = (this.data() as Record<string, unknown>)[key]
    return Array.isArray(list) && list.every(entry => typeof entry === 'string') ? list : []
  }

  error(problem: Problem): ConfigError {
    const { position } = this.#find(problem)
    // A missing key is reported at the map that lacks it.
    const path = problem.place === 'missing' ? problem.path.slice(0, -1) : problem.path
    return new ConfigError(path, problem.text, this.#place(position))
  }

  /** The problem that comes first in the text. */
  first(problems: Problem[]): ConfigError {
    const ranked = problems
      .map(problem => ({ problem, order: this.#find(problem).order }))
      .sort((a, b) => a.order - b.order)
    return this.error(ranked[0]!.problem)
  }

  #place(offset: number): string {
    const before = this.#text.slice(0, Math.max(offset, 0))
    return `${this.#file}:${before.split('\n').length}:${before.length - before.lastIndexOf('\n')}`
  }

  /** The position to report, and the number to sort by: that a key is missing is known only at the end of its map. */
  #find({ path, place }: Problem): { position: number; order: number } {
    let node = this.#yaml.root()
    let told = node
    for (const part of this.#repeats.origin(this.#data, path)) {
      const entry = node?.entries?.get(String(part))
      const value = entry?.value ?? node?.items?.[Number(part)]
      if (!value) break
      // An empty value has no position of its own.
      if (entry && (place === 'key' || value.start < 0)) told = entry.key
      else if (value.start >= 0) told = value
      node = value
    }
    const order = place === 'missing' ? node?.last : told?.first
    return { position: told?.start ?? 0, order: order ?? 0 }
  }
}
