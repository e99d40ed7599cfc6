/** `vhost-user-scmi platform presets|check|show|schema`: inspects platform files without serving them. */
import { type Command, Option } from 'commander'
import { repeated } from './arguments.js'

/** Loaded on demand: other commands do not wait for them. */
const actions = () => import('./platform-actions.js')

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
}
