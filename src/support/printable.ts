/**
 * Escapes untrusted text for terminals and logs: names in files and traces, and anything from guests, front ends,
 * devices and clients. Characters that could move the cursor, start an escape sequence, hide text or change its
 * direction are shown as escapes, and long text is truncated. Everything that prints text of others uses this.
 */

/** Characters of a line, and of a table cell. */
const LINE_MAX = 8192
const CELL_MAX = 1000
/** Lines of a multi-line text. */
const LINES_MAX = 400

/**
 * Control characters (C0, DEL, C1), formatting ones (bidirectional overrides, zero width, tags), lone surrogates, and the
 * separators that some terminals take for line ends.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One line of bounded length: `\x1b[2J` for an escape sequence, `\u202e` for an override, `\n` for a line end. */
export function printable(text: string, max: number = LINE_MAX): string {
  // Truncates first, so that long text costs nothing. An escape has six characters at most, except for tags.
  const kept = text.length > max ? cut(text, max) : text
  return kept.replaceAll(UNPRINTABLE, escaped) + (kept.length < text.length ? `… (${text.length} characters)` : '')
}

/** The same for a table cell. */
export const printableCell = (text: string): string => printable(text, CELL_MAX)

/** The same for multi-line text, such as a stack trace or a guest's console. */
export function printableLines(text: string, linesMax: number = LINES_MAX): string {
  const lines = text.split('\n')
  const shown = lines.slice(0, linesMax).map(line => printable(line))
  return lines.length > linesMax ? [...shown, `… (${lines.length} lines)`].join('\n') : shown.join('\n')
}

/** JSON for a terminal: the same value, with escapes for such characters that JSON leaves raw. */
export function printableJson(value: unknown, indent?: number, replacer?: Replacer): string {
  return escapedJson(JSON.stringify(value, replacer, indent))
}

type Replacer = (key: string, value: unknown) => unknown

/** Escapes raw control and format characters in JSON text, except for line ends between values. */
export function escapedJson(json: string): string {
  return json.replaceAll(UNPRINTABLE, character => (character === '\n' ? character : units(character)))
}

/** Does not cut a surrogate pair in two. */
function cut(text: string, max: number): string {
  return text.slice(0, /[\ud800-\udbff]/.test(text.charAt(max - 1)) ? max - 1 : max)
}

function escaped(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  const code = character.codePointAt(0)!
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  return code <= 0xffff ? units(character) : `\\u{${code.toString(16)}}`
}

/** As JSON escapes. */
function units(character: string): string {
  return Array.from({ length: character.length }, (_, i) => {
    return `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }).join('')
}
