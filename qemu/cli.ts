#!/usr/bin/env node
/** `scmi-lab`: parses arguments, calls the lab's parts, turns errors into exit codes. No logic; cli/ has the commands. */
import '../src/cli/no-inspector.js'
import '../src/cli/gone-terminal.js'
import { resolve } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { oneLine } from '../src/cli/arguments.js'
import { addCompletionCommand } from '../src/cli/completion/commands.js'
import { ENDING_SIGNALS } from '../src/cli/signals.js'
import { onUnreadOutput } from '../src/cli/unread-output.js'
import { bugText } from '../src/support/errors.js'
import { addBenchCommand } from './cli/bench.js'
import { addBisectCommand } from './cli/bisect.js'
import { addBootCommand, addDemoCommand } from './cli/boot.js'
import { addKernelCommand } from './cli/kernel.js'
import { addScenarioCommands } from './cli/scenarios.js'
import { addSetupCommand } from './cli/setup.js'
import { applyTarget } from './cli/target-options.js'
import { LabError } from './support/errors.js'
import { ACCELERATOR_VARIABLE, ACCELERATORS } from './support/host.js'

const EXIT_FAILURE = 1
const EXIT_USAGE = 2
const EXIT_INTERRUPTED = 130

const stopping = new AbortController()
const { signal } = stopping

const program = new Command('scmi-lab')
  .description('Builds arm kernels and boots them in QEMU against the virtual SCMI platform. Needs no KVM.')
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
  .hook('preAction', (program, command) => {
    const { accel, busybox, debianMirror } = program.opts<{ accel?: string; busybox?: string; debianMirror?: string }>()
    if (accel !== undefined) process.env[ACCELERATOR_VARIABLE] = accel
    if (busybox !== undefined) process.env.SCMI_LAB_BUSYBOX = resolve(busybox)
    if (debianMirror !== undefined) process.env.SCMI_LAB_DEBIAN_MIRROR = debianMirror
    applyTarget(command)
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
Exit codes: 0 done; 1 something differs, or work failed; 2 wrong option, file or missing tool; 125 a kernel cannot be tested, as
git bisect has it; 130 interrupted.`,
  )

for (const add of [
  addSetupCommand,
  addKernelCommand,
  addBootCommand,
  addScenarioCommands,
  addBisectCommand,
  addBenchCommand,
  addDemoCommand,
]) {
  add(program, signal)
}

addCompletionCommand(program, async () => (await import('./runner/names.js')).NAMES)

/** Ctrl-C and the other signals stop the work in order; a second one ends the process at once. */
function stopOnSignals(): void {
  for (const name of ENDING_SIGNALS) {
    process.on(name, () => {
      if (signal.aborted) process.exit(EXIT_INTERRUPTED)
      stopping.abort()
    })
  }
}

async function main(): Promise<number> {
  stopOnSignals()
  onUnreadOutput('scmi-lab', () => stopping.abort())
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
