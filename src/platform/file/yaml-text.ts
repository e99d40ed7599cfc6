/**
 * Parses untrusted YAML text, and writes YAML. The library makes a list of events with offsets, and data from that. What is
 * where in the text is asked only for errors (yaml-nodes.ts). Knows no sections.
 */
import {
  CORE_SCHEMA,
  constructFromEvents,
  DUMP_SCHEMA,
  dump,
  EVENT_ID,
  type Event,
  mapTag,
  parseEvents,
  YAMLException,
} from 'js-yaml'
import { show } from '../core/config-error.js'
import { nodesOf, startOf, type YamlNode } from './yaml-nodes.js'

/** Characters of a text; a board has tens of thousands. */
const CHARACTERS_MAX = 1_000_000
/** Newlines and commas: without one there is no further entry, and each entry takes up to 500 bytes while it is parsed. */
const SEPARATORS_MAX = 100_000
/** Lists, maps and what is in them, with keys and ends: each takes hundreds of bytes as data and as a node. */
const PARTS_MAX = 200_000
/** Nesting of lists and maps. */
export const DEPTH_MAX = 100
export const TOO_DEEP = `lists and maps are nested more than ${DEPTH_MAX} deep`
/** The library counts the innermost text or number, too. */
const PARSER_DEPTH = DEPTH_MAX + 1
const PARSER_TOO_DEEP = /^nesting exceeded/

const schema = CORE_SCHEMA.withTags({
  ...mapTag,
  // Asked first; its message would not name the key.
  has: () => false,
  addPair: (map, key, value) => {
    const name = key ?? ''
    return mapTag.has(map, name) ? `${show(name)} is written twice` : mapTag.addPair(map, name, value)
  },
})

/** Objects of any class are maps. */
const dumpSchema = DUMP_SCHEMA.withTags({
  ...mapTag,
  identify: data => typeof data === 'object' && data !== null && !Array.isArray(data) && !(data instanceof Date),
  represent: data => new Map(data instanceof Map ? data : Object.entries(data)),
})

/** A problem of a text, and its offset. */
export class YamlTextError extends Error {
  readonly offset: number

  constructor(problem: string, offset: number) {
    super(problem)
    this.offset = offset
  }
}

/** A text of one document. */
export class YamlText {
  /** The text as plain data; an alias gives the same object as its anchor. */
  readonly data: unknown
  readonly #text: string
  readonly #events: readonly Event[]
  #root: YamlNode | undefined

  /** Throws YamlTextError. */
  constructor(text: string) {
    if (text.length > CHARACTERS_MAX) throw new YamlTextError(`is longer than ${CHARACTERS_MAX} characters`, 0)
    const separators = text.match(/[\n\r,]/g)?.length ?? 0
    if (separators > SEPARATORS_MAX) throw new YamlTextError(`has more than ${SEPARATORS_MAX} lines and commas`, 0)
    const events = translated(() => parseEvents(text, { maxDepth: PARSER_DEPTH }))
    if (events.length > PARTS_MAX) {
      throw new YamlTextError(`has more than ${PARTS_MAX} keys, values, lists and maps`, startOf(events[PARTS_MAX]!))
    }
    checkEvents(events, text)
    this.data = translated(() => constructFromEvents(events, { source: text, schema }))[0]
    this.#text = text
    this.#events = events
  }

  /** What the text contains, with positions; undefined if it contains nothing. */
  root(): YamlNode | undefined {
    this.#root ??= nodesOf(this.#events, this.#text)
    return this.#root
  }
}

/** Data as YAML text. Throws an error for what is no data, such as a function. */
export const yamlOf = (data: unknown): string => dump(data, { schema: dumpSchema })

/** Runs the library; its errors become ours. */
function translated<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const problem = PARSER_TOO_DEEP.test(error.reason) ? TOO_DEEP : error.reason
    throw new YamlTextError(problem, error.mark?.position ?? 0)
  }
}

/** A node of the text while its events are looked at. */
interface Seen {
  /** Whether it is a list or a map. */
  isCollection: boolean
  /** Whether it is one, and more of it follows. */
  isOpen: boolean
  isMap: boolean
  /** Keys and values so far. */
  parts: number
}

/**
 * One document. Keys are texts. An alias refers to the last node before it that has its anchor, and the node does not contain
 * the alias.
 */
function checkEvents(events: readonly Event[], text: string): void {
  const anchors = new Map<string, Seen>()
  const open: Seen[] = []
  events.forEach((event, i) => {
    if (event.type === EVENT_ID.POP) {
      open.pop()!.isOpen = false
      return
    }
    const start = startOf(event)
    if (event.type === EVENT_ID.DOCUMENT && i > 0) {
      const end = text.lastIndexOf('---', startOf(events[i + 1]!))
      throw new YamlTextError('the file must be one document; take out the ---', end)
    }
    const isMap = event.type === EVENT_ID.MAPPING
    const isCollection = isMap || event.type === EVENT_ID.SEQUENCE
    const above = open.at(-1)
    let node: Seen = { isCollection, isOpen: isCollection, isMap, parts: 0 }
    if (isCollection || event.type === EVENT_ID.DOCUMENT) open.push(node)
    if (event.type === EVENT_ID.ALIAS) {
      const name = text.slice(event.anchorStart, event.anchorEnd)
      const target = anchors.get(name)
      if (!target) throw new YamlTextError(`there is no &${name} before *${name}`, start)
      if (target.isOpen) throw new YamlTextError(`*${name} is inside its own anchor &${name}`, start)
      node = target
    } else if ('anchorStart' in event && event.anchorStart >= 0) {
      anchors.set(text.slice(event.anchorStart, event.anchorEnd), node)
    }
    if (above?.isMap && above.parts++ % 2 === 0 && node.isCollection) {
      throw new YamlTextError('a key must be a text, not a list or a map', start)
    }
  })
}
