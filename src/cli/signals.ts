/** Signals that end a command in order: Ctrl-C, a supervisor, a terminal that is closed. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
