#!/usr/bin/env node
/** `scmi-lab`: parses arguments, calls the lab's parts, turns errors into exit codes. No logic. */
import '../src/cli/no-inspector.js'
import '../src/cli/gone-terminal.js'
import { resolve } from 'node:path'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { named, oneLine, wholeNumber, wholeNumbers } from '../src/cli/arguments.js'
import { addCompletionCommand } from '../src/cli/completion/commands.js'
import { controlOption, httpOption, metricsOption, type OpenOptions } from '../src/cli/open-options.js'
import { ENDING_SIGNALS } from '../src/cli/signals.js'
import { presetNames } from '../src/platform/file/presets.js'
import { bugText } from '../src/support/errors.js'
import { LOADS, type Load } from './bench/loads.js'
import type { BootOptions } from './boot/boot.js'
import { PLAIN, variants } from './kernel/config.js'
import { DEFAULT_KERNEL } from './kernel/source.js'
import { parseMemory } from './machine/machine.js'
import type { ListArguments, RunArguments, Shard } from './runner/commands.js'
import { LabError } from './support/errors.js'
import { ACCELERATOR_VARIABLE, ACCELERATORS } from './support/host.js'

const EXIT_FAILURE = 1
const EXIT_USAGE = 2

interface BuildArguments {
  explain: boolean
  source: string
  patch: string[]
  variant: string
  config: string[]
  jobs?: number
  update: boolean
  json: boolean
}

interface BootArguments extends OpenOptions {
  kernel: string
  platform: string
  memory: string
  cpus: number
  append: string[]
  debug: boolean
  trace?: string
  printCommand: boolean
  json: boolean
}

interface BenchArguments {
  load: readonly Load[]
  processes: readonly number[]
  seconds: number
  kernel: string
  platform: string
  cpus: number
  backend?: string
  json: boolean
}

type RunCommandArguments = Omit<RunArguments, 'kernels' | 'patches' | 'variants'> &
  Record<'kernel' | 'patch' | 'variant', string[]>

const stopping = new AbortController()
const { signal } = stopping

/** An option that may be given several times; `none` describes the default. */
const repeatable = (flags: string, description: string, none: string): Option =>
  new Option(flags, `${description}; repeatable`)
    .argParser((value, before: string[]) => [...before, value])
    .default([], none)

function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1.')
  return Number(text)
}

function size(text: string): string {
  try {
    return parseMemory(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function shard(text: string): Shard {
  const [, index, of] = /^(\d{1,4})\/(\d{1,4})$/.exec(text)?.map(Number) ?? []
  if (!index || !of || index > of) throw new InvalidArgumentError('Write I/N, such as 1/3 for the first third.')
  return { index, of }
}

const program = new Command('scmi-lab')
  .description('Builds arm64 kernels and boots them in QEMU against the virtual SCMI platform. Needs no KVM.')
  .configureOutput({
    outputError: (text, write) => write(`scmi-lab: ${oneLine(text)} (see --help)\n`),
  })
  .exitOverride()
  .addOption(new Option('--busybox <file>', "a static busybox for arm64, instead of Debian's").env('SCMI_LAB_BUSYBOX'))
  .addOption(
    new Option('--debian-mirror <url>', 'where kernel sources and busybox come from').env('SCMI_LAB_DEBIAN_MIRROR'),
  )
  .addOption(
    new Option(
      '--accel <name>',
      "run guests by this accelerator of QEMU's; default: kvm where it can make a guest, else tcg",
    )
      .choices(ACCELERATORS)
      .env(ACCELERATOR_VARIABLE),
  )
  // These may stand anywhere on the line.
  .configureHelp({ showGlobalOptions: true })
  // Passed on by the environment, which workers and child processes inherit.
  .hook('preAction', program => {
    const { accel, busybox, debianMirror } = program.opts<{ accel?: string; busybox?: string; debianMirror?: string }>()
    if (accel !== undefined) process.env[ACCELERATOR_VARIABLE] = accel
    if (busybox !== undefined) process.env.SCMI_LAB_BUSYBOX = resolve(busybox)
    if (debianMirror !== undefined) process.env.SCMI_LAB_DEBIAN_MIRROR = debianMirror
  })
  .addHelpText(
    'after',
    `
First steps:
  scmi-lab setup             install QEMU, the cross compiler and the rest (root or sudo)
  scmi-lab run ci            try Linux 7.3 with the fast scenarios
  scmi-lab boot              boot a guest to a shell; builds Linux 7.3 the first time (about 5 minutes)
  scmi-lab kernel build --source 6.12 --patch series.mbox
                             build another kernel; prints the path of its Image

Everything downloaded or built goes to ${'$XDG_CACHE_HOME'}/vhost-user-scmi (~/.cache/vhost-user-scmi).
Exit codes: 0 done, 1 failed, 2 wrong option, file or missing tool, 130 interrupted.`,
  )

program
  .command('setup')
  .description(
    'Install what the lab needs, and name it; changes nothing if all is there. Without apt, only name the packages.',
  )
  .option('--json', 'print the installed packages as JSON', false)
  .action(async (options: { json: boolean }) => {
    const { setup } = await import('./setup/setup.js')
    const packages = await setup({ signal })
    if (options.json) console.log(JSON.stringify({ installed: packages }))
    else if (packages.length === 0) console.error('setup: everything is there')
  })

const kernel = program.command('kernel').description('Kernels for the guest.')

kernel
  .command('build')
  .description('Build an arm64 Image with all SCMI drivers, or find it in the cache; prints its path.')
  .option('--source <7.3|7.2|6.12|path>', "a Debian kernel's version, or a source tree (never written to)", '7.3')
  .addOption(repeatable('--patch <file>', 'apply a patch: a diff, or a mail as the list shows it', 'none'))
  .option('--variant <name>', `a kind of kernel: ${variants().join(', ')}`, PLAIN)
  .addOption(repeatable('--config <fragment>', 'merge a fragment of a configuration, the last one wins', 'none'))
  .option('-j, --jobs <n>', 'compile this many files at once; default: one per core', count)
  .option('--update', 'ask Debian for a newer version of the source package', false)
  .option('--explain', 'say what goes into the kernel, and why it is built or not; builds nothing', false)
  .option('--json', 'print path, configuration and lost options as JSON', false)
  .addHelpText(
    'after',
    `
Examples:
  scmi-lab kernel build
  scmi-lab kernel build --source 6.12 --patch handles.patch --patch v1.mbox
  scmi-lab kernel build --source ~/src/linux --config lockdep.config
      a second build of the same tree compiles what changed
  scmi-lab boot --kernel "$(scmi-lab kernel build --source ~/src/linux)"`,
  )
  .action(async (options: BuildArguments) => {
    const { buildKernel, explainKernel } = await import('./kernel/build.js')
    const { source, patch, variant, config, jobs, update, explain: explains } = options
    const request = { source, patches: patch, variant, fragments: config, update, ...(jobs ? { jobs } : {}) }
    if (explains) {
      const explanation = await explainKernel(request, { signal })
      const { explanationText } = await import('./kernel/inputs.js')
      console.log(options.json ? JSON.stringify(explanation) : explanationText(explanation))
      return
    }
    const built = await buildKernel(request, { signal })
    console.log(options.json ? JSON.stringify(built) : built.image)
  })

program
  .command('boot')
  .description('Start the device and a guest, with a shell on this terminal. Leave with "exit" or Ctrl-A X.')
  .option('--kernel <image|version>', 'an Image, or a version that is built if need be', '7.3')
  .option(
    '--platform <file|preset>',
    `the platform to serve: a YAML file, or a preset (${presetNames().join(', ')})`,
    'demo',
  )
  .option('--memory <size>', "the guest's memory: 256M, 1G", size, '256M')
  .option('--cpus <n>', "the guest's CPUs", count, 2)
  .addOption(repeatable('--append <words>', "words for the kernel's command line", 'none'))
  .option('--debug', "show the SCMI drivers' debug messages", false)
  .option('--trace <file>', "record the device's messages and the kernel's SCMI events, for `vhost-user-scmi trace`")
  .addOption(controlOption)
  .addOption(httpOption)
  .addOption(metricsOption)
  .option('--print-command', "print QEMU's command line instead of booting", false)
  .option('--json', 'with --print-command: print the words of both command lines as JSON', false)
  .argument('[qemu-args...]', 'after --: further arguments for QEMU')
  .addHelpText(
    'after',
    `
Examples:
  scmi-lab boot
  scmi-lab boot --platform board.yaml --debug
  scmi-lab boot --kernel 6.12 -- -s -S          wait for a debugger on port 1234
  scmi-lab boot --append "initcall_debug oops=panic"
  scmi-lab boot --trace boot.pftrace            both sides on one time line: open it at ui.perfetto.dev
  scmi-lab boot --http 8080 --control           look into the device on a page, or from another shell with vhost-user-scmi ctl
In the guest: "scmi-raw -h" sends SCMI messages by hand.`,
  )
  .action(async (qemuArguments: string[], options: BootArguments) => {
    const { bootFromArguments } = await import('./boot/commands.js')
    const { platform, memory, cpus, append, debug, trace } = options
    const settings: Omit<BootOptions, 'kernel'> = {
      ...(trace === undefined ? {} : { trace }),
      platform,
      memory,
      cpus,
      append,
      driverDebug: debug,
      qemuArguments,
      signal,
    }
    await bootFromArguments(options.kernel, settings, options)
  })

program
  .command('list')
  .description('List the scenarios.')
  .argument('[name|tag...]', 'only those with this name, group or tag')
  .option('--scenarios <folder>', "scenarios of your own, instead of the lab's")
  .option('--findings', 'print the known findings about kernels instead, as a Markdown table', false)
  .option('--json', 'print names, summaries and tags as JSON', false)
  .action(async (words: string[], options: ListArguments) => {
    const { listScenarios } = await import('./runner/commands.js')
    await listScenarios(words, options)
  })

program
  .command('run')
  .description('Run scenarios on kernels: paths through the SCMI core, the virtio transport and the client drivers.')
  .argument('[name|tag...]', 'only those with this name, group or tag')
  .addOption(repeatable('--kernel <version|tree|image>', 'a kernel to try', DEFAULT_KERNEL))
  .addOption(repeatable('--patch <file>', 'apply a patch to each kernel before it is built', 'none'))
  .addOption(repeatable('--variant <name>', `a kind of kernel: ${variants().join(', ')}`, PLAIN))
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
    const { runFromArguments } = await import('./runner/commands.js')
    const { kernel, patch, variant, ...rest } = options
    const kernels = kernel.length ? kernel : [DEFAULT_KERNEL]
    await runFromArguments(
      words,
      { ...rest, kernels, patches: patch, variants: variant.length ? variant : [PLAIN] },
      signal,
    )
  })

program
  .command('bench')
  .description(
    'Measure messages per second and latency as processes in a guest see them, and the part spent in the device.',
  )
  .addOption(
    new Option('--load <list>', 'what is read: hwmon (sensor readings), clock (rates), raw (messages past the drivers)')
      .argParser(named(LOADS))
      .default(LOADS, LOADS.join()),
  )
  .addOption(
    new Option('--processes <list>', 'guest processes that read at the same time, 1 to 8')
      .argParser(wholeNumbers(1, 8))
      .default([1, 2, 4, 8], '1,2,4,8'),
  )
  .addOption(new Option('--seconds <n>', 'duration of each measurement').argParser(wholeNumber(1, 3600)).default(2))
  .option('--kernel <image|version>', 'an Image, or a version that is built if need be', DEFAULT_KERNEL)
  .option('--platform <file|preset>', 'the platform to serve: a YAML file, or a preset', 'demo')
  .option('--cpus <n>', "the guest's CPUs", count, 2)
  .option(
    '--backend <command>',
    'measure another back end: a shell command that listens on {socket} and serves that platform',
  )
  .option('--json', 'print the result as JSON', false)
  .addHelpText(
    'after',
    `
Examples:
  scmi-lab bench
  scmi-lab bench --load hwmon --processes 1,8 --seconds 10
  scmi-lab bench --backend "vhost-device-scmi --socket-path {socket} --device fake,name=temp" --load hwmon,raw
  scmi-lab bench --json > before.json

Columns: MEAN is the mean latency that a process in the guest sees. IN THE DEVICE is the part from taking the request from
the ring to publishing the reply; GUEST AND QEMU is the rest. CPU is CPU time per message; QEMU's includes the processors
that it emulates. Of another back end only the CPU time is known.
Exit codes: 0 done, 1 failed, 2 wrong option, file or missing tool, 130 interrupted.`,
  )
  .action(async ({ load, backend, json, ...options }: BenchArguments) => {
    const [{ labBench }, { benchLines }] = await Promise.all([import('./bench/run.js'), import('./bench/text.js')])
    const result = await labBench({ ...options, loads: load, backEnd: backend, signal })
    console.log(json ? JSON.stringify(result, undefined, 2) : benchLines(result).join('\n'))
  })

program
  .command('demo')
  .description(
    'Boot a guest on the demo platform and show what both sides see: clocks, sensors, a change, a notification.',
  )
  .action(async () => {
    const { demo } = await import('./boot/demo.js')
    await demo({ signal })
  })

addCompletionCommand(program, async () => (await import('./runner/names.js')).NAMES)

/** Ctrl-C and the other signals stop the work in order; a second one ends the process at once. */
function stopOnSignals(): void {
  for (const name of ENDING_SIGNALS) {
    process.on(name, () => {
      if (signal.aborted) process.exit(EXIT_FAILURE)
      stopping.abort()
    })
  }
}

async function main(): Promise<number> {
  stopOnSignals()
  try {
    await program.parseAsync()
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    if (error instanceof LabError) {
      console.error(`scmi-lab: ${error.message}`)
      return error.exitCode
    }
    console.error(bugText(error))
    return EXIT_FAILURE
  }
}

process.exitCode = await main()
