/**
 * A progress line on stderr: redrawn in place on a terminal, printed from time to time elsewhere. Stdout stays free for
 * results.
 */
import colors from 'picocolors'
import { printable, printableCell, printableLines } from './printable.js'

export interface Progress {
  /** The current step; `fraction` (0 to 1) if known, `detail` such as the current file. */
  update(step: string, fraction?: number, detail?: string): void
  /** A line that stays. */
  note(text: string): void
  /** Clears the line for other output; the next redraw restores it. */
  clear(): void
  /** Ends with `text` and the elapsed time, on a line that stays. */
  done(text: string): void
  /** Ends without text, because an error follows. */
  stop(): void
}

/** For work whose progress somebody else shows. */
export const silentProgress: Progress = { update() {}, note() {}, clear() {}, done() {}, stop() {} }

const REDRAW_MS = 100
const PLAIN_MS = 10_000

/** A duration for people: in tenths of a second below a minute, otherwise in seconds. */
export function seconds(ms: number): string {
  const tenths = Math.round(ms / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const whole = Math.round(ms / 1000)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** A progress line titled `title`, such as "kernel 7.3". */
export function startProgress(title: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  const name = printableCell(title)
  return stream.isTTY ? terminalProgress(name, stream) : plainProgress(name, stream)
}

function terminalProgress(title: string, stream: NodeJS.WriteStream): Progress {
  const began = Date.now()
  let line = ''
  const draw = () => {
    if (!line) return
    const text = `${title}: ${line}`.replace('%t', seconds(Date.now() - began))
    stream.write(`\r\x1b[K${text.slice(0, Math.max(20, (stream.columns ?? 80) - 1))}`)
  }
  const timer = setInterval(draw, REDRAW_MS).unref()
  const stop = () => {
    clearInterval(timer)
    stream.write('\r\x1b[K')
  }
  return {
    update(step, fraction, detail = '') {
      line = printable(`${step}${percent(fraction)}, %t  ${detail}`)
    },
    note(text) {
      stream.write(`\r\x1b[K${title}: ${printableLines(text)}\n`)
    },
    clear() {
      stream.write('\r\x1b[K')
    },
    done(text) {
      stop()
      stream.write(
        `${colors.green('✓')} ${title}: ${printable(text)} ${colors.dim(`(${seconds(Date.now() - began)})`)}\n`,
      )
    },
    stop,
  }
}

function plainProgress(title: string, stream: NodeJS.WriteStream): Progress {
  const began = Date.now()
  let lastStep = ''
  let lastPrint = 0
  let later: NodeJS.Timeout | undefined
  return {
    update(step, fraction, detail = '') {
      const print = () => {
        lastStep = step
        lastPrint = Date.now()
        const time = seconds(lastPrint - began)
        stream.write(`${title}: ${printable(`${step}${percent(fraction)}, ${time} ${detail}`.trimEnd())}\n`)
      }
      clearTimeout(later)
      // A skipped update is printed later, unless a newer one replaces it.
      const wait = step === lastStep ? lastPrint + PLAIN_MS - Date.now() : 0
      if (wait <= 0) print()
      else later = setTimeout(print, wait).unref()
    },
    note: text => void stream.write(`${title}: ${printableLines(text)}\n`),
    clear() {},
    done(text) {
      clearTimeout(later)
      stream.write(`${title}: ${printable(text)} (${seconds(Date.now() - began)})\n`)
    },
    stop: () => clearTimeout(later),
  }
}

const percent = (fraction: number | undefined): string =>
  fraction === undefined ? '' : ` ${Math.min(99, Math.floor(fraction * 100))} %`
