/**
 * Parses untrusted YAML text to nodes. The library recurses for each level, so size and depth are checked before it
 * gets a tree; aliases are resolved in one pass. Knows no sections.
 */
import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  type LineCounter,
  type Node,
  Parser,
  visit,
  type YAMLMap,
} from 'yaml'

/** Characters of a text; a board has tens of thousands. */
const CHARACTERS_MAX = 1_000_000
/** Words, numbers, punctuation and the spaces between; each takes hundreds of bytes once parsed. */
const TOKENS_MAX = 300_000
/** Nesting of lists and maps. */
export const DEPTH_MAX = 100
export const TOO_DEEP = `lists and maps are nested more than ${DEPTH_MAX} deep`

/** A problem of a text, and its offset. */
export class YamlTextError extends Error {
  readonly offset: number

  constructor(problem: string, offset: number) {
    super(problem)
    this.offset = offset
  }
}

export interface YamlText {
  document: Document
  /** The node that each alias refers to. */
  targets: ReadonlyMap<Alias, Node>
}

/** Reads a text of one document. Throws YamlTextError. */
export function readYaml(text: string, lines: LineCounter): YamlText {
  if (text.length > CHARACTERS_MAX) throw new YamlTextError(`is longer than ${CHARACTERS_MAX} characters`, 0)
  const document = composed(text, lines)
  const problem = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0])[0]
  if (problem) throw new YamlTextError(problem.message, problem.pos[0])
  return { document, targets: aliasTargets(document) }
}

function composed(text: string, lines: LineCounter): Document {
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const [document, second] = composer.compose(tokensOf(text, lines), true, text.length)
  if (second) throw new YamlTextError('the file must be one document; take out the ---', second.range[0])
  return document as Document
}

/** The tokens of the library's parser, whose stack holds the lists and maps that are open. */
function* tokensOf(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  let tokens = 0
  for (const lexeme of new Lexer().lex(text)) {
    if (++tokens > TOKENS_MAX) {
      throw new YamlTextError(`has more than ${TOKENS_MAX} words, numbers, signs and spaces`, parser.offset)
    }
    yield* parser.next(lexeme)
    if (parser.stack.length > DEPTH_MAX) {
      throw new YamlTextError(TOO_DEEP, parser.offset)
    }
  }
  yield* parser.end()
}

/** An alias refers to the last node before it that has its anchor; the node must not contain the alias. */
function aliasTargets(document: Document): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(document, {
    Node(_, node, path) {
      if (!isAlias(node)) {
        if (node.anchor) anchors.set(node.anchor, node)
        return
      }
      const target = anchors.get(node.source)
      const offset = node.range?.[0] ?? 0
      if (!target) throw new YamlTextError(`there is no &${node.source} before *${node.source}`, offset)
      if (path.includes(target))
        throw new YamlTextError(`*${node.source} is inside its own anchor &${node.source}`, offset)
      targets.set(node, target)
    },
  })
  return targets
}

/** The document as plain data; an alias gives the same object as its anchor. Throws YamlTextError. */
export function dataOf({ document, targets }: YamlText): unknown {
  const made = new Map<Node, unknown>()
  const plain = (node: unknown): unknown => {
    if (isAlias(node)) return plain(targets.get(node))
    if (!isNode(node)) return node ?? null
    if (isScalar(node)) return node.value
    if (made.has(node)) return made.get(node)
    const data = isMap(node) ? mapOf(node) : isSeq(node) ? node.items.map(plain) : null
    made.set(node, data)
    return data
  }
  const mapOf = ({ items }: YAMLMap): Record<string, unknown> => {
    const values = new Map<string, unknown>()
    for (const { key, value } of items) {
      const name = keyOf(key)
      // The library's own check compares each key with all others.
      if (values.has(name)) throw new YamlTextError('Map keys must be unique', isNode(key) ? (key.range?.[0] ?? 0) : 0)
      values.set(name, plain(value))
    }
    return Object.fromEntries(values)
  }
  const keyOf = (key: unknown): string => {
    const node = isAlias(key) ? targets.get(key) : key
    if (isNode(node) && !isScalar(node))
      throw new YamlTextError('a key must be a text, not a list or a map', node.range?.[0] ?? 0)
    return String(plain(node) ?? '')
  }
  return plain(document.contents)
}
