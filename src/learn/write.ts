/** Writes a board as the text of a platform file: an entry a line, with what was not seen in a comment. */
import type { Board, RecordedLine } from './board.js'
import type { Draft, Section } from './draft.js'

/** Longer entries get a line for each key. */
const LINE_MAX = 140

export function platformText(board: Board): string {
  const { identity, unseen, plugins, protocols, sections, recorded, head, foot } = board
  const lines = head.map(line => comment(line))
  for (const [key, value] of Object.entries(identity)) {
    lines.push(`${key}: ${key === 'implementation_version' ? hexText(Number(value)) : flow(value)}`)
  }
  if (unseen.length > 0) lines.push(comment(`not seen: ${unseen.join(', ')}`))
  if (plugins.length > 0) lines.push(`plugins: ${flow(plugins)}`)
  if (Object.keys(protocols).length > 0) lines.push('protocols:')
  for (const [name, keys] of Object.entries(protocols)) lines.push(`  ${name}: ${versioned(keys)}`)
  const done = new Set<string>()
  for (const section of sections) {
    if (!done.has(section.key)) lines.push('', `${section.key}:${section.map ? ` ${flow(section.map)}` : ''}`)
    done.add(section.key)
    lines.push(...sectionLines(section))
  }
  if (recorded.length > 0) {
    lines.push('', comment('Answers that the model above does not give, as they were recorded.'), 'recorded:')
    for (const line of recorded) lines.push(recordedLine(line))
  }
  if (foot.length > 0) lines.push('', ...foot.map(line => comment(line)))
  return `${lines.join('\n')}\n`
}

const hexText = (word: number): string => `0x${word.toString(16).padStart(8, '0')}`
const comment = (text: string): string => `# ${text.replaceAll(/[^ -~°²Ω]/g, '?')}`

/** Versions keep their zero: 2.0. */
function versioned({ version, ...others }: Record<string, unknown>): string {
  if (version === undefined) return flow(others)
  const rest = Object.keys(others).length > 0 ? `, ${flow(others).slice(2)}` : ' }'
  return `{ version: ${version}${rest}`
}

function sectionLines({ list, drafts, notes }: Section): string[] {
  const indent = list === undefined ? '  ' : '    '
  const lines = list === undefined || drafts.length === 0 ? [] : [`  ${list}:`]
  for (const note of notes) lines.push(`${indent}${comment(note)}`)
  let next = 0
  for (const draft of drafts) {
    lines.push(...draftLines(draft, draft.id !== next, indent))
    next = draft.id + 1
  }
  return lines
}

function draftLines(draft: Draft, withId: boolean, indent: string): string[] {
  const { id, values, unseen, notes } = draft
  const entry = { ...(withId ? { id } : {}), ...values }
  const remarks = [...(unseen.length > 0 ? [`not seen: ${unseen.join(', ')}`] : []), ...notes]
  const remark = remarks.length > 0 ? ` ${comment(remarks.join('; '))}` : ''
  const line = `${indent}- ${flow(entry)}`
  if (line.length <= LINE_MAX) return [line + remark]
  const lines = Object.entries(entry).flatMap(([key, value]) => keyLines(key, value))
  return lines.map((text, i) => (i === 0 ? `${indent}- ${text}${remark}` : `${indent}  ${text}`))
}

/** A key of an entry; long lists of maps get a line for each. */
function keyLines(key: string, value: unknown): string[] {
  const line = `${key}: ${flow(value)}`
  const isLong = Array.isArray(value) && value.length > 1 && typeof value[0] === 'object' && line.length > LINE_MAX / 2
  return isLong ? [`${key}:`, ...value.map(entry => `  - ${flow(entry)}`)] : [line]
}

/** Bytes are in quotes, since YAML takes some for numbers. */
function recordedLine({ note, ...line }: RecordedLine): string {
  const pairs = Object.entries(line).map(([key, value]) => {
    return `${key}: ${key === 'request' || key === 'reply' ? JSON.stringify(value) : flow(value)}`
  })
  return `  - { ${pairs.join(', ')} }${note === undefined ? '' : ` ${comment(note)}`}`
}

/** Words that YAML takes for something else than a text. */
const NO_TEXT = /^(true|false|null)$/i
const PLAIN = /^[A-Za-z_](?:[\w ./%-]*[\w%])?$/
/** `1.2 GHz`, `-5 mV` */
const QUANTITY = /^-?\d[\d.]* (?:[kMG]?Hz|[um]?s|[um]?V|[um]?W)$/

/** On one line. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, inner]) => `${flow(key)}: ${flow(inner)}`)
    return pairs.length > 0 ? `{ ${pairs.join(', ')} }` : '{}'
  }
  if (typeof value !== 'string') return String(value)
  const isPlain = (PLAIN.test(value) && !NO_TEXT.test(value)) || QUANTITY.test(value)
  return isPlain ? value : JSON.stringify(value)
}
