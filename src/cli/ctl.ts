/**
 * `vhost-user-scmi ctl`: inspects and changes a running device. Definitions only: the actions are in ctl/, loaded on
 * demand.
 */
import { Argument, type Command, Option } from 'commander'
import { CONTROL_VARIABLE, defaultControlPath } from '../access/control/socket.js'
import { repeated, wholeNumber } from './arguments.js'
import type { CtlOptions } from './ctl/session.js'

const state = () => import('./ctl/state.js')
const show = () => import('./ctl/show.js')
const acts = () => import('./ctl/acts.js')
const faults = () => import('./ctl/faults.js')
const messages = () => import('./ctl/messages.js')

const POWER_STATES = ['shutdown', 'reboot', 'suspend', 'cold_reset', 'warm_reset', 'power_up']

export function addCtlCommand(program: Command): void {
  const ctl = program
    .command('ctl')
    .description('Inspect and change a running device, which must have been started with --control.')
    .option('--control <path>', `control socket of the device; also set by $${CONTROL_VARIABLE}`, defaultControlPath())
    .option('--json', 'print JSON; commands that run until Ctrl-C print one object per line')
    // These two may stand anywhere on the line.
    .enablePositionalOptions(false)
    .addHelpText(
      'after',
      `
Resources have addresses: clock.uart is a clock, clock.uart.rate its rate, clock stands for all clocks.

Examples:
  vhost-user-scmi --socket-path /tmp/scmi.sock --control &     start a device that can be controlled
  vhost-user-scmi ctl show                                     show the platform and its resources
  vhost-user-scmi ctl set sensor.cpu 85C                       as if hardware changed it: agents are notified
  vhost-user-scmi ctl watch sensor perf.cpu                    print values as they change
  vhost-user-scmi ctl fault add --protocol clock --message CLOCK_RATE_SET --drop --times 3
  vhost-user-scmi ctl messages --failed                        print failed messages live
  vhost-user-scmi ctl top                                      show a live view

Exit codes: 0 done, 1 the device refused or is gone, 2 wrong option, address, value or path.`,
    )
  const own = { showGlobalOptions: true, visibleGlobalOptions: (of: Command) => (of === ctl ? [] : [...ctl.options]) }
  ctl.configureHelp({ ...ctl.configureHelp(), ...own })
  addState(ctl)
  addActs(ctl)
  addFaults(ctl)
  addStreams(ctl)
}

/** An action's options and those of all `ctl` commands, without the program's own. */
function all<Options extends CtlOptions>(command: Command): Options {
  let options = command.opts()
  for (let { parent } = command; parent?.parent; { parent } = parent) options = { ...parent.opts(), ...options }
  return options as Options
}

function addState(ctl: Command): void {
  const addresses = new Argument('[address...]', 'of kinds, resources or properties; default: everything')
  ctl
    .command('show')
    .description('Show the platform, or the values of resources and what they can be set to.')
    .addArgument(addresses)
    .option('--agent <name>', 'show what this agent sees, under its ids')
    .action(async (addresses, _options, command) => (await show()).show(addresses, all(command)))
  ctl
    .command('get')
    .description("Print values: a single property's value alone, several as a table.")
    .argument('<address...>', 'of kinds, resources or properties')
    .action(async (addresses, _options, command) => (await state()).get(addresses, all(command)))
  ctl
    .command('set')
    .description('Change a property as if hardware changed it: agents are notified.')
    .argument('<address>', 'of a property, or of a resource with a main property')
    .argument('<value...>', 'with its unit: 85C, 1.2GHz, on, auto; `ctl show ADDRESS` shows what is allowed')
    // Values may be negative.
    .allowUnknownOption()
    .action(async (address, value, _options, command) => (await state()).set(address, value, all(command)))
  ctl
    .command('watch')
    .description('Print values, then changes, until Ctrl-C.')
    .addArgument(addresses)
    .option('--interval <ms>', 'polling interval for resources without events, such as sensors', wholeNumber(), 100)
    .action(async (addresses, _options, command) => (await state()).watch(addresses, all(command)))
}

function addActs(ctl: Command): void {
  ctl
    .command('notify')
    .description('Send a notification as if hardware caused it, even to agents that did not enable it.')
    .argument('<protocol>')
    .argument('<message>', 'name of the notification')
    .argument('[field=value...]', 'all fields of its payload; ids are those that agents see')
    .option('--agent <name>', 'default: all')
    .option('--count <n>', 'number of notifications', wholeNumber(), 1)
    .option('--rate <n>', 'notifications per second; default: all at once', wholeNumber())
    .action(async (protocol, message, fields, _options, command) =>
      (await acts()).notify(protocol, message, fields, all(command)),
    )
  ctl
    .command('power')
    .description('Request a system power transition from the agents, or force it.')
    .addArgument(new Argument('<state>').choices(POWER_STATES))
    .option('--forced', 'transition now and notify agents afterwards')
    .option('--timeout <ms>', 'time for a graceful shutdown before it is forced', wholeNumber())
    .action(async (state, _options, command) => (await acts()).power(state, all(command)))
  const trace = ctl.command('trace').description("Record messages to a file for Perfetto's viewer.")
  trace
    .command('start')
    .description('Start recording.')
    .argument('<file>')
    .action(async (file, _options, command) => (await acts()).startTrace(file, all(command)))
  trace
    .command('stop')
    .description('Stop recording.')
    .action(async (_options, command) => (await acts()).stopTrace(all(command)))
  trace
    .command('status')
    .description('Show the state of the recording.')
    .action(async (_options, command) => (await acts()).traceStatus(all(command)))
}

function addFaults(ctl: Command): void {
  const fault = ctl.command('fault').description('Fault rules: how the device misbehaves, to test drivers.')
  const add = fault.command('add').description('Add a rule. For each message, the first rule that matches applies.')
  // The options come from the rules' schema, which is slow to load.
  fault.hook('preSubcommand', async (_fault, command) => {
    if (command === add) (await faults()).addRuleOptions(add)
  })
  add.action(async (options, command) => (await faults()).add(options, all(command)))
  fault
    .command('list')
    .description('List the rules and their hits.')
    .action(async (_options, command) => (await faults()).list(all(command)))
  for (const [name, description] of [
    ['release', 'Deliver the messages that a rule holds; the rule stays.'],
    ['remove', 'Remove a rule and deliver the messages that it holds.'],
  ] as const) {
    fault
      .command(name)
      .description(description)
      .argument('<id>', 'number of the rule', wholeNumber())
      .action(async (id, _options, command) => (await faults()).end(name, id, all(command)))
  }
  fault
    .command('clear')
    .description('Remove all rules.')
    .action(async (_options, command) => (await faults()).clear(all(command)))
}

function addStreams(ctl: Command): void {
  const list = (flags: string, description: string) =>
    new Option(flags, `${description}; repeatable`).argParser(repeated).default([], 'any')
  ctl
    .command('messages')
    .description('Print messages live, until Ctrl-C.')
    .addOption(list('--agent <name>', 'of this agent'))
    .addOption(list('--protocol <name>', 'of this protocol'))
    .addOption(list('--message <name>', 'commands or notifications of this name'))
    .addOption(list('--status <name>', 'with this status in the reply'))
    .addOption(
      list('--kind <kind>', 'of this kind').choices(['command', 'delayed response', 'notification', 'fast channel']),
    )
    .option('--failed', 'with another status than SUCCESS')
    .option(
      '--max-per-second <n>',
      'rate limit: further messages are counted, not printed; at most 10000',
      wholeNumber(),
      1000,
    )
    .option('--count <n>', 'exit after this many messages', wholeNumber())
    .action(async (_options, command) => (await messages()).messages(all(command)))
  ctl
    .command('stats')
    .description('Print statistics: messages by protocol, message and status, with latencies.')
    .option('--agent <name>', 'of this agent; default: all')
    .action(async (_options, command) => (await messages()).stats(all(command)))
  ctl
    .command('top')
    .description('Show message rates, latencies and changing resources, live. q quits.')
    .option('--interval <ms>', 'refresh interval', wholeNumber(), 1000)
    .action(async (_options, command) => (await import('./ctl/top.js')).top(all(command)))
}
