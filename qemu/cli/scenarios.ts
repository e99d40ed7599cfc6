/** `scmi-lab list` and `scmi-lab run`. */
import type { Command } from 'commander'
import { faultsOption } from '../../src/cli/faults-option.js'
import { PLAIN, variants } from '../kernel/config.js'
import { DEFAULT_KERNEL } from '../kernel/source.js'
import type { ListArguments, RunArguments } from '../runner/commands.js'
import { count, repeatable, shard } from './arguments.js'

type RunCommandArguments = Omit<RunArguments, 'kernels' | 'patches' | 'variants'> &
  Record<'kernel' | 'patch' | 'variant', string[]>

export function addScenarioCommands(program: Command, signal: AbortSignal): void {
  program
    .command('list')
    .description('List the scenarios.')
    .argument('[name|tag...]', 'only those with this name, group or tag')
    .option('--scenarios <folder>', "scenarios of your own, instead of the lab's")
    .option('--findings', 'print the known findings about kernels instead, as a Markdown table', false)
    .option('--json', 'print names, summaries and tags as JSON', false)
    .action(async (words: string[], options: ListArguments) => {
      const { listScenarios } = await import('../runner/commands.js')
      await listScenarios(words, options)
    })

  program
    .command('run')
    .description('Run scenarios on kernels: paths through the SCMI core, the virtio transport and the client drivers.')
    .argument('[name|tag...]', 'only those with this name, group or tag')
    .addOption(repeatable('--kernel <version|tree|image>', 'a kernel to try', DEFAULT_KERNEL))
    .addOption(repeatable('--patch <file>', 'apply a patch to each kernel before it is built', 'none'))
    .addOption(repeatable('--variant <name>', `a kind of kernel: ${variants().join(', ')}`, PLAIN))
    .addOption(faultsOption)
    .option('--shell', 'end in the guest: where the scenario fails, or at its end')
    .option('--baseline <file>', 'print what got better and worse since the run that wrote this file with --json')
    .option('--report <file>', 'write a page to attach to a mail: table, evidence, versions, configurations')
    .option('--json <file>', 'write the results as JSON')
    .option('--junit <file>', "write JUnit's XML")
    .option('--ktap', 'print KTAP on standard output')
    .option('--jobs <n>', 'run this many guests at once; default: one per core', count)
    .option('--shard <i/n>', 'run only the i-th of n shares, to spread a run over several machines', shard)
    .option('--scenarios <folder>', "scenarios of your own (GROUP/NAME.mjs and .sh), instead of the lab's")
    .addHelpText(
      'after',
      `
Examples:
  scmi-lab run                                    everything, on Linux 7.3
  scmi-lab run ci --kernel ~/src/linux            the fast subset, on a tree of yours
  scmi-lab run --kernel 6.12 --kernel 7.2 --kernel 7.3 --variant plain --variant modules
  scmi-lab run --kernel 7.3 --json before.json
  scmi-lab run --kernel 7.3 --patch series.mbox --baseline before.json --report report.html
Outcomes: "ok"; "recorded", a failure that is a known finding about this kernel; "FAILED", with the evidence and a command
that repeats it and stops in a shell; "fixed", a known finding that did not occur.
Exit codes: 0 all as recorded, 1 something differs, 2 wrong option or file, 130 interrupted.`,
    )
    .action(async (words: string[], options: RunCommandArguments) => {
      const { runFromArguments } = await import('../runner/commands.js')
      const { kernel, patch, variant, ...rest } = options
      const kernels = kernel.length ? kernel : [DEFAULT_KERNEL]
      await runFromArguments(
        words,
        { ...rest, kernels, patches: patch, variants: variant.length ? variant : [PLAIN] },
        signal,
      )
    })
}
