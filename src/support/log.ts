/**
 * The log, on stderr: text for people by default, or one JSON object per line. Never blocks the program
 * (log-writer.ts), and text of others is escaped for terminals (printable.ts).
 */
import { isatty } from 'node:tty'
import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { LogLevel } from './log-levels.js'
import { LogWriter } from './log-writer.js'
import { escapedJson, printable, printableLines } from './printable.js'

export type { Logger, LogLevel }

const STDERR = 2
/** Longer JSON lines are truncated. */
const JSON_MAX = 16 << 10

/** Shared by all loggers. */
let stderr: LogWriter | undefined

/** The fields of a logged object that come from outside. */
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
  // At any level, since the dropped lines may be of any level.
  const telling = log.child({}, { level: 'warn' })
  writer.onLost = count =>
    telling.warn(`${count} lines were not written here: nobody read the log, or the disk was full`)
  return log
}

function jsonText(line: string): string {
  const short = line.length <= JSON_MAX ? line : `${JSON.stringify(printableLog(JSON.parse(line) as LogObject))}\n`
  return escapedJson(short)
}

/** Formats pino's lines for people. */
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

/** Logs nothing: the default for users of the library. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' })
}
