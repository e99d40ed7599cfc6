/**
 * The command `vhost-user-scmi`: parses arguments. No logic, and nothing slow to load: the actions are in cli/, loaded
 * on demand.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { Endpoint } from '../device/endpoint.js'
import { presetNames } from '../platform/file/presets.js'
import { bugText, FailedError, InterruptedError, OperatorError } from '../support/errors.js'
import { thereAre } from '../support/known-names.js'
import { LOG_LEVELS } from '../support/log-levels.js'
import { own } from '../support/own.js'
import { version } from '../support/version.js'
import { fileMode, oneLine, pageAddress, pollUs, repeated, wholeNumber } from './arguments.js'
import { addBenchCommand } from './bench.js'
import { addCompletionCommand } from './completion/commands.js'
import { addCtlCommand } from './ctl.js'
import { faultsOption } from './faults-option.js'
import { controlOption, httpOption, metricsOption } from './open-options.js'
import { addPlatformCommand } from './platform.js'
import { addSendCommand } from './send.js'
import type { ServeCommandOptions } from './serve.js'
import { SUBCOMMANDS, type Subcommand } from './subcommands.js'
import { addTraceCommand } from './trace.js'
import { onUnreadOutput } from './unread-output.js'

const EXIT_FAILURE = 1
const EXIT_USAGE = 2
const EXIT_INTERRUPTED = 130

/** Collects NAME=PATH options. */
function agentEndpoint(text: string, others: Record<string, Endpoint>): Record<string, Endpoint> {
  const [, name, socketPath] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || socketPath === undefined) throw new InvalidArgumentError('Write NAME=PATH.')
  if (own(others, name)) throw new InvalidArgumentError(`Agent ${name} already has a socket.`)
  return { ...others, [name]: { socketPath } }
}

const program = new Command('vhost-user-scmi')
  .description('A virtual SCMI platform: serves a virtio SCMI device to QEMU over vhost-user.')
  .addOption(
    new Option('--socket-path <path>', 'listen on this Unix socket; QEMU connects to it').conflicts(['connect', 'fd']),
  )
  .addOption(
    new Option(
      '--connect <path>',
      'connect to a QEMU that listens (server=on), and reconnect whenever it drops',
    ).conflicts('fd'),
  )
  .addOption(new Option('--fd <n>', 'use this inherited socket, listening or connected').argParser(wholeNumber()))
  .addOption(
    new Option('--agent <name=path>', 'listen on this socket for this agent; repeat for each guest')
      .argParser(agentEndpoint)
      .default({}, 'one agent'),
  )
  .addOption(
    new Option('--socket-mode <mode>', 'file mode of the sockets it listens on: write permission allows to connect')
      .argParser(fileMode)
      .default(0o600, '0600'),
  )
  .addOption(
    new Option(
      '--release-after <seconds>',
      "listening: keep a guest's state for this long after its QEMU disconnected, in case it reconnects; 0: drop it at once",
    )
      .argParser(wholeNumber(0, 999_999))
      .default(30),
  )
  .option(
    '--platform <file|preset>',
    `the platform to serve: a YAML file, or a preset (${presetNames().join(', ')})`,
    'demo',
  )
  .addOption(
    new Option('--plugin <file|name>', "add a plug-in's protocols: an ES module, or one of the package; repeatable")
      .argParser(repeated)
      .default([], 'none'),
  )
  .addOption(new Option('--log-level <level>', 'trace logs every message, decoded').choices(LOG_LEVELS).default('info'))
  .option('--json', 'log one JSON object a line', false)
  .addOption(
    new Option(
      '--poll-us <n|auto>',
      'busy-poll the ring for this many microseconds after work; 0: never; auto: while it pays off',
    )
      .argParser(pollUs)
      .default('auto'),
  )
  .option(
    '--state <file>',
    'persist the state that guests set in this file, and resume from it after a crash or restart',
  )
  .addOption(faultsOption)
  .option('--trace <file>', "record every message to a file for Perfetto's viewer and `vhost-user-scmi trace`")
  .addOption(controlOption)
  .addOption(httpOption)
  .addOption(metricsOption)
  .addOption(
    new Option(
      '--shared-memory <address>',
      "guest-physical address of the platform file's shared_memory, instead of the file's own",
    ).argParser(pageAddress),
  )
  .option('--mem-slots', 'offer CONFIGURE_MEM_SLOTS; then QEMU sends no memory regions after a reconnect', false)
  .option('--print-capabilities', 'print the back-end capabilities as JSON, for QEMU supervisors, and exit')
  .version(version, '-V, --version', 'print the version; with --json also commit and addon, for bug reports')
  // Options before a subcommand belong to the program, those after it to the subcommand.
  .enablePositionalOptions()
  // Names alone: with all their arguments, a terminal of 80 columns has no room for what they do.
  .configureHelp({ subcommandTerm: command => command.name() })
  .configureOutput({ outputError: (text, write) => write(`vhost-user-scmi: ${oneLine(text)} (see --help)\n`) })
  .addHelpText(
    'after',
    `
Examples:
  vhost-user-scmi --socket-path /tmp/scmi.sock
      serve the demo platform, then start the guest beside it:
  qemu-system-aarch64 -machine virt,gic-version=3,memory-backend=mem -cpu cortex-a57 -m 256 \\
      -object memory-backend-memfd,id=mem,size=256M,share=on \\
      -chardev socket,id=scmi,path=/tmp/scmi.sock -device vhost-user-scmi-pci,chardev=scmi …
      (\`scmi-lab boot --print-command\` prints a complete line, including the device tree)
  vhost-user-scmi --connect /tmp/scmi.sock --platform board.yaml
      for a QEMU with -chardev socket,…,server=on: both sides may restart
  vhost-user-scmi --connect /tmp/scmi.sock --state /var/lib/scmi/board.state
      under a supervisor: after a crash the guest keeps its rates, levels and subscriptions
  vhost-user-scmi --socket-path /tmp/scmi.sock --http 8080
      prints a link that works once: a page with live values, messages and charts, and controls to set, notify and inject faults

Exit codes: 0 stopped by a signal or done, 1 failed, 2 wrong option, file or path.`,
  )
  .exitOverride()
  .action(async (options: ServeCommandOptions, { args: [word] }: Command) => {
    if (word !== undefined) program.error(`unknown command '${word}'; ${thereAre(SUBCOMMANDS)}`)
    await (await import('./serve.js')).run(options)
  })
const adders: Record<Subcommand, (program: Command) => void> = {
  platform: addPlatformCommand,
  trace: addTraceCommand,
  bench: addBenchCommand,
  ctl: addCtlCommand,
  send: addSendCommand,
  completion: program => addCompletionCommand(program, async () => (await import('./ctl/names.js')).NAMES),
}
for (const name of SUBCOMMANDS) adders[name](program)
// Not before: subcommands would inherit it. The program's action reports words that are no subcommand.
program.allowExcessArguments()

/** Runs the command line. Returns the exit code; undefined: signals or open handles decide when the process ends. */
export async function main(): Promise<number | undefined> {
  onUnreadOutput('vhost-user-scmi', () => process.exit())
  // QEMU's conventions for back-end programs: this option takes precedence over all others, even wrong ones.
  if (process.argv.includes('--print-capabilities')) {
    console.log(JSON.stringify({ type: 'scmi', features: [] }))
    return 0
  }
  const words = process.argv.slice(2)
  if (words.length === 2 && words.includes('--version') && words.includes('--json')) {
    const { versionDetails } = await import('./version-details.js')
    console.log(JSON.stringify(versionDetails(), undefined, 2))
    return 0
  }
  try {
    await program.parseAsync()
    return undefined
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    if (error instanceof InterruptedError) return EXIT_INTERRUPTED
    if (error instanceof OperatorError || error instanceof FailedError) {
      console.error(`vhost-user-scmi: ${error.message}`)
      return error instanceof OperatorError ? EXIT_USAGE : EXIT_FAILURE
    }
    console.error(bugText(error))
    return EXIT_FAILURE
  }
}
