/** Names of the subcommands. Without one, the command serves. */
export const SUBCOMMANDS = ['platform', 'trace', 'bench', 'ctl', 'send', 'completion'] as const
export type Subcommand = (typeof SUBCOMMANDS)[number]
