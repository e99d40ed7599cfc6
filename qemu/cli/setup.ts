/** `scmi-lab setup`. */
import { type Command, Option } from 'commander'
import { named } from '../../src/cli/arguments.js'
import { EXTRAS, type Extra } from '../support/tool.js'

export function addSetupCommand(program: Command, signal: AbortSignal): void {
  program
    .command('setup')
    .description(
      'Install what the lab needs, and name it; changes nothing if all is there. Without apt, only name the packages.',
    )
    .addOption(
      new Option('--with <list>', `also install what these options need: ${EXTRAS.join(', ')}`)
        .argParser(named(EXTRAS))
        .default([], 'none'),
    )
    .option('--json', 'print the installed packages as JSON', false)
    .addHelpText(
      'after',
      `
With "--with arm": a compiler and C library for --arch arm. llvm: clang and lld for --llvm. sparse: run --each checks the
source with it. gdb: a debugger for --gdb.
Examples:
  scmi-lab setup
  scmi-lab setup --with arm,llvm`,
    )
    .action(async (options: { with: readonly Extra[]; json: boolean }) => {
      const { setup } = await import('../setup/setup.js')
      const packages = await setup({ signal, extras: options.with })
      if (options.json) console.log(JSON.stringify({ installed: packages }))
      else if (packages.length === 0) console.error('setup: everything is there')
    })
}
