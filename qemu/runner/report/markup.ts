/** Markup as tagged templates: what is put in is escaped, unless it is markup itself. */
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

/** Without colours, and with escapes for the control characters that neither XML nor a page may have, nor a terminal. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  return printableLines(text.replaceAll(/\x1b\[[\d;]*[A-Za-z]/g, ''), Number.POSITIVE_INFINITY)
}
