/** Names of the subcommands. Without one, the command serves. */
export const SUBCOMMANDS = ['platform', 'trace', 'bench', 'ctl', 'send', 'completion'] as const
export type Subcommand = (typeof SUBCOMMANDS)[number]

/** Those of `platform` that load platform files and nothing else: they start from the bundle, as serving does. */
const LOADING: readonly string[] = ['check', 'presets', 'schema', 'show']

/** Whether a command line starts from the bundle, in which other subcommands are not (bundle.mjs). */
export function isInBundle([first, second, ...others]: readonly string[]): boolean {
  const isName = (word: string | undefined) => (SUBCOMMANDS as readonly (string | undefined)[]).includes(word)
  if (first === 'platform') return LOADING.includes(second ?? '')
  return ![first, second, ...others].some(isName)
}
