/** `scmi-lab bisect`. */
import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import { PLAIN, variants } from '../kernel/config.js'
import { count, repeatable } from './arguments.js'
import { archOption, llvmOption } from './target-options.js'

interface Arguments {
  kernel: string
  good: string
  bad: string
  patch: string[]
  variant: string
  config: string[]
  jobs?: number
  scenarios?: string
  json: boolean
}

export function addBisectCommand(program: Command, signal: AbortSignal): void {
  program
    .command('bisect')
    .description('Find the commit since which scenarios fail, with git bisect.')
    .argument('<name|tag...>', 'the scenarios: names, groups or tags')
    .requiredOption('--kernel <tree>', 'a git tree of Linux; your files and HEAD stay as they are')
    .requiredOption('--good <commit>', 'where they do not fail')
    .requiredOption('--bad <commit>', 'where they fail')
    .addOption(repeatable('--patch <file>', 'apply a patch to each commit, such as one that makes it build', 'none'))
    .option('--variant <name>', `a kind of kernel: ${variants().join(', ')}`, PLAIN)
    .addOption(repeatable('--config <fragment>', 'merge a fragment of a configuration into each kernel', 'none'))
    .addOption(llvmOption())
    .addOption(archOption())
    .option('--jobs <n>', 'run this many guests at once; default: one per core', count)
    .option('--scenarios <folder>', "scenarios of your own (GROUP/NAME.mjs and .sh), instead of the lab's")
    .option('--json', 'print the result as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  scmi-lab bisect --kernel ~/linux --good v7.2 --bad HEAD bind/driver/virtio
  scmi-lab bisect --kernel ~/linux --good v6.12 --bad v7.2 --patch fix-build.patch hotplug
Each commit is checked out and built in a worktree in the cache, which is removed at the end and by Ctrl-C. Object files stay, so
a step compiles what changed. First both ends are tried: what fails at the bad end and not at the good one is looked for. A
known finding of a release counts as a failure here. A commit that does not build, does not boot, or fails in another way
is skipped.
Exit codes: 0 found, 2 wrong option, or nothing to look for, 125 only commits are left that cannot be tested, 130 interrupted.`,
    )
    .action(async (words: string[], { patch, variant, config, jobs, ...rest }: Arguments) => {
      const { bisectFromArguments } = await import('../runner/bisect.js')
      const selection = { patches: patch, variants: [variant], configs: config, jobs: jobs ?? availableParallelism() }
      await bisectFromArguments(words, { ...rest, ...selection }, signal)
    })
}
