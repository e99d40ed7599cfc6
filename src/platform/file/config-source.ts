/** The text of a platform file: YAML to plain data, and positions in the text. Knows no sections. */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, type Pair, type YAMLMap } from 'yaml'
import { ConfigError } from '../core/config-error.js'
import type { Problem } from './config-issues.js'
import { Repeats } from './repeats.js'
import { dataOf, readYaml, type YamlText, YamlTextError } from './yaml-text.js'

/** The text of a platform file, or of another in YAML, and the position of each field in it. */
export class ConfigSource {
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #text: YamlText
  readonly #repeats = new Repeats()
  readonly #pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()
  /** Plain data with repeats expanded; set by the first call of `data`. */
  #data: unknown

  /** Throws ConfigError if the text is not YAML. */
  constructor(text: string, file: string) {
    this.#file = file
    this.#text = this.#placed(() => readYaml(text, this.#lines))
  }

  /** The file as plain data. Throws ConfigError if aliases or repeats make it too large. */
  data(): unknown {
    if (this.#data === undefined) {
      this.#data = this.#placed(() => this.#repeats.expand(dataOf(this.#text) ?? {}))
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
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }

  /** The position to report, and the offset to sort by: that a key is missing is known only at the end of its map. */
  #find({ path, place }: Problem): { position: number; order: number } {
    let node = this.#resolve(this.#text.document.contents)
    let position = node?.range?.[0] ?? 0
    for (const part of this.#repeats.origin(this.#data, path)) {
      const pair = isMap(node) ? this.#pairsOf(node).get(String(part)) : undefined
      const value = pair ? pair.value : isSeq(node) ? node.items[Number(part)] : undefined
      const key = isNode(pair?.key) ? pair.key.range?.[0] : undefined
      if (!pair && value === undefined) break
      // An empty value has no useful position of its own.
      const empty = !isNode(value) || (isScalar(value) && value.value === null && value.source === '')
      position = (place === 'key' || empty ? key : value.range?.[0]) ?? position
      node = isNode(value) ? this.#resolve(value) : null
    }
    const order = place === 'missing' ? (node?.range?.[1] ?? position) : position
    return { position, order }
  }

  /** The pairs of a map by key. */
  #pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    let pairs = this.#pairs.get(map)
    if (!pairs) {
      pairs = new Map(map.items.flatMap(pair => (isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : [])))
      this.#pairs.set(map, pairs)
    }
    return pairs
  }

  #resolve(node: unknown): Node | null {
    const target = isAlias(node) ? this.#text.targets.get(node) : node
    return isNode(target) ? target : null
  }
}
