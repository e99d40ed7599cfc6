/** `vhost-user-scmi platform presets|check|show|schema`: inspects platform files without serving them. */
import { type Command, Option } from 'commander'
import { repeated } from './arguments.js'

/** Loaded on demand: other commands do not wait for them. */
const actions = () => import('./platform-actions.js')

const learnActions = () => import('./platform-learn.js')

const LEARN_HELP = `
On the board, run what \`platform record\` prints; then:
  vhost-user-scmi platform learn scmi-trace.txt > board.yaml
  vhost-user-scmi platform check board.yaml
  scmi-lab boot --platform board.yaml

What the trace does not tell has a default and the comment "not seen". What no model can say is kept in \`recorded\`, by request.`

export function addPlatformCommand(program: Command): void {
  const platform = program.command('platform').description('Inspect platform files without serving them.')
  const plugin = new Option('--plugin <file|name>', "add a plug-in's protocols; repeatable")
  plugin.argParser(repeated).default([], 'none')
  platform
    .command('presets')
    .description('List the platforms that come with the package: a line each. They are commented files, to be copied.')
    .option('--json', 'print JSON')
    .action(async options => (await actions()).presets(options))
  platform
    .command('check')
    .description('Check platform files: print their errors, or what they contain. Exit code 2 if any is wrong.')
    .argument('<file...>', 'platform files, or presets')
    .addOption(plugin)
    .option('--faults <file>', 'check fault rules, too: those that `--faults` of other commands gets')
    .addOption(
      new Option(
        '--agent <name>',
        'an agent that only a command line adds (`--agent NAME=PATH`): rules may name it; repeatable',
      )
        .argParser(repeated)
        .default([], 'none'),
    )
    .option('--json', 'print JSON')
    .action(async (files, options) => (await actions()).check(files, options))
  platform
    .command('show')
    .description("Show an agent's view of a platform at start: protocols, resources, values.")
    .argument('<file|preset>')
    .option('--agent <name>', 'the agent; default: the first')
    .addOption(plugin)
    .option('--json', 'print JSON')
    .action(async (file, options) => (await actions()).show(file, options))
  platform
    .command('schema')
    .description('Print the JSON Schema of platform files, for editors.')
    .addOption(plugin)
    .action(async options => (await actions()).schema(options))
  platform
    .command('learn')
    .description("Write the platform file of a board, from traces of its kernel's SCMI events, or from traces of ours.")
    .argument('<trace...>', "text of the kernel's trace, of trace-cmd report, or a file of --trace")
    .addOption(plugin)
    .option('--instance <number>', "the kernel's SCMI instance (id= of scmi_msg_dump); default: the first")
    .option('--agent <name>', 'the agent of a trace of ours; default: the first')
    .option('--json', 'print what was found, and the file as a text, as JSON')
    .addHelpText('after', LEARN_HELP)
    .action(async (files, options) => (await learnActions()).learn(files, options))
  platform
    .command('record')
    .description('Print the script that records the boot of a board for `platform learn`, with instructions.')
    .action(async () => (await learnActions()).record())
}
