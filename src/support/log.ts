/**
 * Logging: to stderr, for people by default, one JSON object a line for machines. A log never holds up the program
 * (log-writer.ts), and what it says of others is fit for a terminal (printable.ts).
 */
import { isatty } from 'node:tty'
import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { LogLevel } from './log-levels.js'
import { LogWriter } from './log-writer.js'
import { escapedJson, printable, printableLines } from './printable.js'

export type { Logger, LogLevel }

const STDERR = 2
/** Characters of JSON; what has more is cut. */
const JSON_MAX = 16 << 10

/** Of all loggers: they write to one place. */
let stderr: LogWriter | undefined

/** What of an object that is logged comes from outside. */
interface LogObject {
  msg?: string
  agent?: string
  err?: { message?: string; stack?: string }
}

export function createLogger(options: { level: LogLevel; json: boolean }): Logger {
  stderr ??= new LogWriter(STDERR)
  const writer = stderr
  const text = options.json ? jsonText : prettyText()
  const base = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  const log = pino(base, { write: (line: string) => writer.write(text(line)) })
  // Said at any log level, since lines of all levels may be missing.
  const telling = log.child({}, { level: 'warn' })
  writer.onLost = count => telling.warn(`${count} lines were not written here: nobody read the log, or it had no room`)
  return log
}

function jsonText(line: string): string {
  const short = line.length <= JSON_MAX ? line : `${JSON.stringify(printableLog(JSON.parse(line) as LogObject))}\n`
  return escapedJson(short)
}

/** Makes a line for people of pino's. */
function prettyText(): (line: string) => string {
  const toText = pretty.prettyFactory({
    colorize: isatty(STDERR),
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'agent',
    messageFormat: (log, key) => (log.agent ? `${log.agent}: ${log[key]}` : String(log[key])),
  })
  return line => toText(printableLog(JSON.parse(line) as LogObject))
}

function printableLog(log: LogObject): LogObject {
  if (log.msg !== undefined) log.msg = printable(log.msg)
  if (log.agent !== undefined) log.agent = printable(log.agent)
  if (log.err) {
    const { message = '', stack = '' } = log.err
    Object.assign(log.err, { message: printable(message), stack: printableLines(stack) })
  }
  return log
}

/** Says nothing: for callers of the library that pass no logger. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' })
}
