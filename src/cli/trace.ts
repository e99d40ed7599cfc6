/** `vhost-user-scmi trace show|replay|diff`: tools for recorded traces. */
import { type Command, Option } from 'commander'
import { repeated } from './arguments.js'

const EXAMPLES = `
Record one with \`vhost-user-scmi --trace FILE\`, and open it in a browser at ui.perfetto.dev, or here:
  vhost-user-scmi trace show boot.pftrace
  vhost-user-scmi trace show boot.pftrace --filter protocol=clock,perf --filter status!=SUCCESS
  vhost-user-scmi trace show boot.pftrace --filter 'latency>1ms' --json | jq .message
      filters: kind, agent, protocol, message, status, token, latency, or any field, such as clock_id=3; * is a wildcard: message=*_SET
  vhost-user-scmi trace replay boot.pftrace --platform board.yaml --ignore SENSOR_READING_GET
      check that the platform still gives the same answers; time-dependent values are the same, since time is replayed too
  vhost-user-scmi trace diff 6.12.pftrace 7.3.pftrace --ignore rate
      compare what two kernels request and get

Exit codes: 0 the same, or done; 1 something differs; 2 wrong option, or a file that is not a trace.`

/** Loaded on demand: other commands do not wait for them. */
const actions = () => import('./trace-actions.js')

export function addTraceCommand(program: Command): void {
  const trace = program
    .command('trace')
    .description('Show, replay and compare traces that were recorded with --trace.')
    .addHelpText('after', EXAMPLES)
  const ignore = new Option('--ignore <name>', 'a field, message or protocol that may differ; repeatable')
  ignore.argParser(repeated).default([], 'none')
  trace
    .command('show')
    .description('Print the messages of a trace, one per line.')
    .argument('<file>')
    .addOption(
      new Option('--filter <term>', 'NAME=VALUE, NAME!=VALUE, NAME<NUMBER, NAME>NUMBER; repeatable, all must hold')
        .argParser(repeated)
        .default([], 'all messages'),
    )
    .option('--values', 'also show the values of resources', false)
    .option('--json', 'print one JSON object a line', false)
    .addHelpText('after', EXAMPLES)
    .action(async (file, options) => (await actions()).show(file, options))
  trace
    .command('replay')
    .description('Send the commands of a trace to a platform again, and compare the answers.')
    .argument('<file>')
    .option('--platform <file|preset>', 'default: the platform stored in the trace')
    .addOption(
      new Option('--plugin <file|name>', "add a plug-in's protocols; repeatable")
        .argParser(repeated)
        .default([], 'those of the trace'),
    )
    .addOption(ignore)
    .option('--json', 'print what differs as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (file, options) => (await actions()).replayFile(file, options))
  trace
    .command('diff')
    .description('Compare the messages of two traces, by agent and protocol, without times and tokens.')
    .argument('<file>')
    .argument('<other>')
    .addOption(ignore)
    .option('--json', 'print what differs as JSON', false)
    .addHelpText('after', EXAMPLES)
    .action(async (file, other, options) => (await actions()).diffFiles(file, other, options))
}
