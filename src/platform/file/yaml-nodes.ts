/** What is where in a YAML text, from the events of the library's parser. */
import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE } from 'js-yaml'

/** A value or key of a text; an alias has the content of its anchor. */
export interface YamlNode {
  /** Offset in the text; -1: it is empty. */
  start: number
  /** Numbers of the events at which it begins and ends, which give the order of nodes, empty ones included. */
  first: number
  last: number
  /** The text of what is neither a list nor a map. */
  text?: string
  items?: YamlNode[]
  entries?: Map<string, { key: YamlNode; value: YamlNode }>
}

/** Offset of what an event stands for; -1: it is empty. */
export function startOf(event: Event): number {
  switch (event.type) {
    case EVENT_ID.SCALAR: {
      const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED
      return isQuoted ? event.valueStart - 1 : event.valueStart
    }
    case EVENT_ID.ALIAS:
      return event.anchorStart - 1
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      return event.start
    default:
      return -1
  }
}

/** The node of the first document, whose aliases have been checked; undefined: there is none. */
export function nodesOf(events: readonly Event[], text: string): YamlNode | undefined {
  let root: YamlNode | undefined
  const anchors = new Map<string, YamlNode>()
  const open: { node: YamlNode; key?: YamlNode | undefined }[] = []
  const add = (node: YamlNode): void => {
    const above = open.at(-1)
    if (!above) root = node
    else if (above.node.items) above.node.items.push(node)
    else if (above.key) {
      const { key } = above
      above.node.entries!.set(key.text ?? '', { key, value: node })
      above.key = undefined
    } else above.key = node
  }
  events.forEach((event, i) => {
    if (event.type === EVENT_ID.DOCUMENT) return
    if (event.type === EVENT_ID.POP) {
      const closed = open.pop()
      if (closed) closed.node.last = i
      return
    }
    const name = text.slice(event.anchorStart, event.anchorEnd)
    const node: YamlNode = { start: startOf(event), first: i, last: i }
    if (event.type === EVENT_ID.ALIAS) Object.assign(node, { ...anchors.get(name), ...node })
    else if (event.type === EVENT_ID.SCALAR) node.text = getScalarValue(text, event)
    else if (event.type === EVENT_ID.SEQUENCE) node.items = []
    else node.entries = new Map()
    if (event.type !== EVENT_ID.ALIAS && name !== '') anchors.set(name, node)
    add(node)
    if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING) open.push({ node })
  })
  return root
}
