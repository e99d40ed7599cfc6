/**
 * `completion`: Tab completion for bash and zsh, the same way for every command of the package. Definitions only: the rest is
 * loaded on demand.
 */
import type { Command } from 'commander'
import type { Names } from './candidates.js'
import type { Shell } from './scripts.js'

const SHELLS: readonly Shell[] = ['bash', 'zsh']

/** Adds `completion` to a program; `names` loads what completes the values of its options and arguments. */
export function addCompletionCommand(program: Command, names: () => Promise<Names>): void {
  const completion = program
    .command('completion')
    .description('Print the completion script of a shell.')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  source <(${program.name()} completion bash)     in ~/.bashrc: complete commands with the Tab key`,
    )
  for (const shell of SHELLS) {
    completion
      .command(shell)
      .description(`Print the script for ${shell}.`)
      .action(async () => (await import('./scripts.js')).printScript(program.name(), shell))
  }
  // Called by the scripts.
  completion
    .command('candidates', { hidden: true })
    .argument('[word...]')
    .action(async words => (await import('./candidates.js')).printCandidates(program, words, await names()))
}
