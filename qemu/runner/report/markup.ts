/** Markup as tagged templates: inserted values are escaped, unless they are markup. */
import { printableLines } from '../../../src/support/printable.js'

export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Markup | string | number | readonly Part[]

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function partText(part: Part): string {
  if (part instanceof Markup) return part.text
  if (Array.isArray(part)) return part.map(partText).join('')
  return plainText(String(part)).replaceAll(/[&<>"]/g, character => ENTITIES[character]!)
}

export function markup(texts: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(texts.map((text, index) => text + (index < parts.length ? partText(parts[index]!) : '')).join(''))
}

/** Removes colours, and escapes control characters, which XML, pages and terminals must not get. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
  return printableLines(text.replaceAll(/\x1b\[[\d;]*[A-Za-z]/g, ''), Number.POSITIVE_INFINITY)
}
