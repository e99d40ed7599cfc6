/** Logging: to stderr, for people by default, one JSON object a line for machines. */
import pino, { type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { LogLevel } from './log-levels.js'

export type { Logger, LogLevel }

const STDERR = 2

/** Writes are synchronous: the last line before an exit matters most. */
export function createLogger(options: { level: LogLevel; json: boolean }): Logger {
  const base = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (options.json) return pino(base, pino.destination({ fd: STDERR, sync: true }))
  const stream = pretty({
    destination: STDERR,
    sync: true,
    colorize: process.stderr.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'agent',
    messageFormat: (log, key) => (log.agent ? `${log.agent}: ${log[key]}` : String(log[key])),
  })
  return pino(base, stream)
}

/** Says nothing: for callers of the library that pass no logger. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' })
}
