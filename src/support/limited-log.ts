/**
 * Rate-limited log for lines that guests, front ends and clients can cause as often as they like. Lines that differ
 * only in numbers share a limit; those beyond it are counted, and the count is logged.
 */
import type { Logger } from './log.js'

/** Burst of lines of one text, and then lines per second. */
const BURST = 20
const PER_SECOND = 1
/** Texts with limits of their own; all others share one. */
const TEXTS_MAX = 64
const OTHERS = 'others'
/** How often counts are logged. */
const TELL_MS = 5000

/** The gravest last. */
const LEVELS = ['info', 'warn', 'error'] as const
type Level = (typeof LEVELS)[number]

/** Recent use of a text. */
interface Use {
  allowance: number
  refilledMs: number
  omitted: number
  /** Level and text of the last of the gravest lines that were left out. */
  level: Level
  text: string
}

export class LimitedLog {
  readonly #log: Logger
  readonly #uses = new Map<string, Use>()
  #timer: NodeJS.Timeout | undefined

  constructor(log: Logger) {
    this.#log = log
  }

  /** Not limited: whoever enables debug lines wants all. */
  debug(text: string): void {
    this.#log.debug(text)
  }

  info(text: string): void {
    this.#limited('info', text)
  }

  warn(text: string): void {
    this.#limited('warn', text)
  }

  error(text: string): void {
    this.#limited('error', text)
  }

  /** A bug of ours, with its stack trace. */
  bug(error: unknown, text: string): void {
    this.#limited('error', text, error)
  }

  /** Logs the counts of what was left out. */
  close(): void {
    this.#tell()
  }

  #limited(level: Level, text: string, error?: unknown): void {
    const use = this.#useOf(kindOf(text))
    if (use.allowance < 1) {
      const isGravest = use.omitted === 0 || LEVELS.indexOf(level) >= LEVELS.indexOf(use.level)
      if (isGravest) Object.assign(use, { level, text })
      use.omitted++
      this.#timer ??= setTimeout(() => this.#tell(), TELL_MS).unref()
      return
    }
    use.allowance--
    if (error === undefined) this.#log[level](text)
    else this.#log[level](error, text)
  }

  #useOf(kind: string): Use {
    const nowMs = performance.now()
    const known = this.#uses.get(kind)
    if (known) {
      known.allowance = Math.min(BURST, known.allowance + ((nowMs - known.refilledMs) / 1000) * PER_SECOND)
      known.refilledMs = nowMs
      return known
    }
    if (this.#uses.size >= TEXTS_MAX) this.#forget(nowMs)
    if (this.#uses.size >= TEXTS_MAX && kind !== OTHERS) return this.#useOf(OTHERS)
    const use: Use = { allowance: BURST, refilledMs: nowMs, omitted: 0, text: '', level: 'info' }
    this.#uses.set(kind, use)
    return use
  }

  /** Forgets texts that have not been used for long enough to have their full limit again. */
  #forget(nowMs: number): void {
    for (const [kind, { refilledMs, omitted }] of this.#uses) {
      if (omitted === 0 && nowMs - refilledMs > (BURST / PER_SECOND) * 1000) this.#uses.delete(kind)
    }
  }

  #tell(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const use of this.#uses.values()) {
      if (use.omitted > 0) this.#log[use.level](`${use.omitted} more lines like this were omitted: ${use.text}`)
      use.omitted = 0
    }
  }
}

/** Texts that differ only in numbers are of one kind. */
function kindOf(text: string): string {
  return text.slice(0, 200).replaceAll(/0x[\da-f]+|\d+/gi, '#')
}
