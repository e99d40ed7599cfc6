/** `scmi-lab setup`. */
import type { Command } from 'commander'

export function addSetupCommand(program: Command, signal: AbortSignal): void {
  program
    .command('setup')
    .description(
      'Install what the lab needs, and name it; changes nothing if all is there. Without apt, only name the packages.',
    )
    .option('--json', 'print the installed packages as JSON', false)
    .action(async (options: { json: boolean }) => {
      const { setup } = await import('../setup/setup.js')
      const packages = await setup({ signal })
      if (options.json) console.log(JSON.stringify({ installed: packages }))
      else if (packages.length === 0) console.error('setup: everything is there')
    })
}
