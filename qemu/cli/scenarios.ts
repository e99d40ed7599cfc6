/** `scmi-lab list` and `scmi-lab run`. */
import type { Command } from 'commander'
import { faultsOption } from '../../src/cli/faults-option.js'
import { PLAIN, variants } from '../kernel/config.js'
import { DEFAULT_KERNEL } from '../kernel/source.js'
import type { ListArguments } from '../runner/commands.js'
import type { EachArguments } from '../runner/each.js'
import { count, repeatable, shard } from './arguments.js'
import { archOption, gdbOption, llvmOption } from './target-options.js'

type RunCommandArguments = Omit<EachArguments, 'kernels' | 'patches' | 'variants' | 'configs'> &
  Record<'kernel' | 'patch' | 'variant' | 'config', string[]>

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
    .argument('[name|tag...]', 'those with this name, group or tag; "all": every one')
    .addOption(repeatable('--kernel <version|tree|image>', 'a kernel to try', DEFAULT_KERNEL))
    .addOption(repeatable('--patch <file>', 'apply a patch to each kernel before it is built', 'none'))
    .option('--each', 'try every patch of the series by itself, in order: it builds, adds which warnings, and passes')
    .option(
      '--base <commit>',
      'a commit of the kernel, a git tree, instead of its files as they are; patches go on top',
    )
    .option('--commits <a..b>', 'try every commit of a git tree between a and b by itself, in order')
    .addOption(repeatable('--variant <name>', `a kind of kernel: ${variants().join(', ')}`, PLAIN))
    .addOption(
      repeatable('--config <fragment>', 'merge a fragment of a configuration into each kernel, the last wins', 'none'),
    )
    .addOption(llvmOption())
    .addOption(archOption())
    .addOption(faultsOption)
    .addOption(gdbOption())
    .option(
      '--coverage',
      'tell which lines, functions and branches of the SCMI drivers ran, and with --patch which added lines did not',
      false,
    )
    .option('--lcov <file>', "with --coverage: write it in lcov's format")
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
  scmi-lab run                                    most scenarios, on Linux 7.3, in a few minutes
  scmi-lab run all                                every scenario
  scmi-lab run ci --kernel ~/src/linux            the fast subset, on a tree of yours
  scmi-lab run --kernel 6.12 --kernel 7.2 --kernel 7.3 --variant plain --variant modules
  scmi-lab run --kernel 7.3 --json before.json
  scmi-lab run --kernel 7.3 --patch series.mbox --baseline before.json --report report.html
  scmi-lab run ci --patch series.mbox --each      every patch of a series, also with make W=1, and sparse if it is there
  scmi-lab run ci --kernel ~/linux --commits v7.3..HEAD
  scmi-lab run ci --llvm --config lockdep.config --arch arm
  scmi-lab run --coverage --patch series.mbox --report report.html
                                                  on kernels that count (gcov): what ran, and which added lines did not
Outcomes: "ok"; "recorded", a failure that is a known finding about this kernel; "FAILED", with the evidence and a command
that repeats it and stops in a shell; "fixed", a known finding that did not occur.
Exit codes: 0 all as recorded; 1 something differs; 2 wrong option or file; 125 a kernel cannot be tested: it does not build, or
does not boot even without an SCMI device; 130 interrupted. "git bisect run scmi-lab run NAME --kernel ." understands them.`,
    )
    .action(async (words: string[], options: RunCommandArguments) => {
      const { kernel, patch, variant, config, ...rest } = options
      const kernels = kernel.length ? kernel : [DEFAULT_KERNEL]
      const variants = variant.length ? variant : [PLAIN]
      const selected = { ...rest, kernels, patches: patch, configs: config, variants }
      if (rest.each || rest.commits !== undefined) {
        const { runEach } = await import('../runner/each.js')
        return runEach(words, selected, signal)
      }
      const { runFromArguments } = await import('../runner/commands.js')
      await runFromArguments(words, selected, signal)
    })
}
