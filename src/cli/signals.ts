/** Signals that end a command cleanly: Ctrl-C, a supervisor, a closed terminal. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
