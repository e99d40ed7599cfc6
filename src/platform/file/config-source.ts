/** The text of a platform file: YAML to plain data, and where in the text things are. Knows no sections. */
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, type Pair, type YAMLMap } from 'yaml'
import { ConfigError } from '../core/config-error.js'
import type { Problem } from './config-issues.js'
import { Repeats } from './repeats.js'
import { dataOf, readYaml, type YamlText, YamlTextError } from './yaml-text.js'

/** The text of a platform file, and where in it things are. */
export class ConfigSource {
  readonly #file: string
  readonly #lines = new LineCounter()
  readonly #text: YamlText
  readonly #repeats = new Repeats()
  readonly #pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>()
  /** As plain data, with all entries written out, once somebody has asked for it. */
  #data: unknown

  /** Throws ConfigError if the text is not YAML. */
  constructor(text: string, file: string) {
    this.#file = file
    this.#text = this.#placed(() => readYaml(text, this.#lines))
  }

  /** What the text says. Throws ConfigError for a file whose aliases or repeats multiply without measure. */
  data(): unknown {
    if (this.#data === undefined) {
      this.#data = this.#placed(() => this.#repeats.expand(dataOf(this.#text) ?? {}))
    }
    return this.#data
  }

  /** Gives errors of `read` their place in the text. */
  #placed<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (error instanceof ConfigError) throw this.error({ path: error.path, text: error.problem, place: 'value' })
      if (error instanceof YamlTextError) throw new ConfigError([], error.message, this.#place(error.offset))
      throw error
    }
  }

  /** The list of texts at the top of the file under `key`; empty if that is anything else, which a schema tells. */
  texts(key: string): string[] {
    const list = (this.data() as Record<string, unknown>)[key]
    return Array.isArray(list) && list.every(entry => typeof entry === 'string') ? list : []
  }

  error(problem: Problem): ConfigError {
    const { position } = this.#find(problem)
    // A missing key is shown as a problem of the map that lacks it.
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

  /** Where to point at, and the offset to sort by: a key is known to be missing only at the end of its map. */
  #find({ path, place }: Problem): { position: number; order: number } {
    let node = this.#resolve(this.#text.document.contents)
    let position = node?.range?.[0] ?? 0
    for (const part of this.#repeats.origin(this.#data, path)) {
      const pair = isMap(node) ? this.#pairsOf(node).get(String(part)) : undefined
      const value = pair ? pair.value : isSeq(node) ? node.items[Number(part)] : undefined
      const key = isNode(pair?.key) ? pair.key.range?.[0] : undefined
      if (!pair && value === undefined) break
      // An empty value has no place of its own worth pointing at.
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
