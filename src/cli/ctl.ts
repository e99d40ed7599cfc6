/**
 * `vhost-user-scmi ctl`: looks into a running device and changes things. Definitions alone: what commands do is in ctl/, and
 * loaded when it is wanted.
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
    .description('Look into a running device, and change things. It must have been started with --control.')
    .option('--control <path>', `socket of the device, which $${CONTROL_VARIABLE} can name, too`, defaultControlPath())
    .option('--json', 'print JSON; one object a line where there is no end')
    // These two may stand anywhere.
    .enablePositionalOptions(false)
    .addHelpText(
      'after',
      `
Resources have addresses: clock.uart is a clock, clock.uart.rate its rate; clock are all clocks.

Examples:
  vhost-user-scmi --socket-path /tmp/scmi.sock --control &     start a device that can be controlled
  vhost-user-scmi ctl show                                     what there is
  vhost-user-scmi ctl set sensor.cpu 85C                       as hardware would: agents are notified
  vhost-user-scmi ctl watch sensor perf.cpu                    values as they change
  vhost-user-scmi ctl fault add --protocol clock --message CLOCK_RATE_SET --drop --times 3
  vhost-user-scmi ctl messages --failed                        messages that did not succeed, as they pass
  vhost-user-scmi ctl top                                      a live view
  source <(vhost-user-scmi ctl completion bash)                complete all this with the Tab key

Exit codes: 0 done, 1 the device could not or is gone, 2 wrong option, address, value or path.`,
    )
  const own = { showGlobalOptions: true, visibleGlobalOptions: (of: Command) => (of === ctl ? [] : [...ctl.options]) }
  ctl.configureHelp({ ...ctl.configureHelp(), ...own })
  addState(ctl)
  addActs(ctl)
  addFaults(ctl)
  addStreams(ctl)
  addCompletion(ctl, program)
}

/** An action's options, with those of all `ctl` commands; the program's own are another matter. */
function all<Options extends CtlOptions>(command: Command): Options {
  let options = command.opts()
  for (let { parent } = command; parent?.parent; { parent } = parent) options = { ...parent.opts(), ...options }
  return options as Options
}

function addState(ctl: Command): void {
  const addresses = new Argument('[address...]', 'of kinds, resources or properties; default: everything')
  ctl
    .command('show')
    .description('Show the platform, or what resources have: values, and what they can be set to.')
    .addArgument(addresses)
    .option('--agent <name>', 'show what this agent sees, under its ids')
    .action(async (addresses, _options, command) => (await show()).show(addresses, all(command)))
  ctl
    .command('get')
    .description('Print values: of one property the value alone, else a table.')
    .argument('<address...>', 'of kinds, resources or properties')
    .action(async (addresses, _options, command) => (await state()).get(addresses, all(command)))
  ctl
    .command('set')
    .description('Change a property as hardware would: agents are notified as of any other change.')
    .argument('<address>', 'of a property, or of a resource that has a main one')
    .argument('<value...>', 'with its unit: 85C, 1.2GHz, on, auto; `ctl show ADDRESS` says what is allowed')
    // Values may be below zero.
    .allowUnknownOption()
    .action(async (address, value, _options, command) => (await state()).set(address, value, all(command)))
  ctl
    .command('watch')
    .description('Print values, and then those that change, until Ctrl-C.')
    .addArgument(addresses)
    .option('--interval <ms>', 'look so often at what has no events, such as sensors', wholeNumber(), 100)
    .action(async (addresses, _options, command) => (await state()).watch(addresses, all(command)))
}

function addActs(ctl: Command): void {
  ctl
    .command('notify')
    .description('Send a notification as if from hardware, whether or not anybody asked for it.')
    .argument('<protocol>')
    .argument('<message>', 'name of the notification')
    .argument('[field=value...]', 'all fields of its payload; ids are the agents’')
    .option('--agent <name>', 'default: all')
    .option('--count <n>', 'so many', wholeNumber(), 1)
    .option('--rate <n>', 'so many a second; default: all at once', wholeNumber())
    .action(async (protocol, message, fields, _options, command) =>
      (await acts()).notify(protocol, message, fields, all(command)),
    )
  ctl
    .command('power')
    .description('Ask the agents for a system power transition, or force it.')
    .addArgument(new Argument('<state>').choices(POWER_STATES))
    .option('--forced', 'it happens now, agents are told afterwards')
    .option('--timeout <ms>', 'time for a graceful shutdown, before it is forced', wholeNumber())
    .action(async (state, _options, command) => (await acts()).power(state, all(command)))
  const trace = ctl.command('trace').description("Record messages to a file for Perfetto's viewer.")
  trace
    .command('start')
    .description('Begin to record.')
    .argument('<file>')
    .action(async (file, _options, command) => (await acts()).startTrace(file, all(command)))
  trace
    .command('stop')
    .description('End the recording.')
    .action(async (_options, command) => (await acts()).stopTrace(all(command)))
  trace
    .command('status')
    .description('Say what is being recorded.')
    .action(async (_options, command) => (await acts()).traceStatus(all(command)))
}

function addFaults(ctl: Command): void {
  const fault = ctl
    .command('fault')
    .description('Rules by which the device misbehaves, to see what drivers make of it.')
  const add = fault.command('add').description('Add a rule. The first rule that takes a message decides about it.')
  // The rules' schema has the options, and takes its time to load.
  fault.hook('preSubcommand', async (_fault, command) => {
    if (command === add) (await faults()).addRuleOptions(add)
  })
  add.action(async (options, command) => (await faults()).add(options, all(command)))
  fault
    .command('list')
    .description('List the rules, and what they did.')
    .action(async (_options, command) => (await faults()).list(all(command)))
  for (const [name, description] of [
    ['release', 'Let what a rule holds arrive; the rule stays.'],
    ['remove', 'End a rule; what it holds arrives.'],
  ] as const) {
    fault
      .command(name)
      .description(description)
      .argument('<id>', 'number of the rule', wholeNumber())
      .action(async (id, _options, command) => (await faults()).end(name, id, all(command)))
  }
  fault
    .command('clear')
    .description('End all rules.')
    .action(async (_options, command) => (await faults()).clear(all(command)))
}

function addStreams(ctl: Command): void {
  const list = (flags: string, description: string) =>
    new Option(flags, `${description}; repeatable`).argParser(repeated).default([], 'any')
  ctl
    .command('messages')
    .description('Print messages as they pass, until Ctrl-C.')
    .addOption(list('--agent <name>', 'of this agent'))
    .addOption(list('--protocol <name>', 'of this protocol'))
    .addOption(list('--message <name>', 'commands or notifications of this name'))
    .addOption(list('--status <name>', 'answered with this status'))
    .addOption(list('--kind <kind>', 'of this kind').choices(['command', 'delayed response', 'notification']))
    .option('--failed', 'that did not succeed')
    .option('--max-per-second <n>', 'more are counted, not printed; at most 10000', wholeNumber(), 1000)
    .option('--count <n>', 'end after so many', wholeNumber())
    .action(async (_options, command) => (await messages()).messages(all(command)))
  ctl
    .command('stats')
    .description('Print what was answered: by protocol, message and status, with times.')
    .option('--agent <name>', 'of this agent; default: all')
    .action(async (_options, command) => (await messages()).stats(all(command)))
  ctl
    .command('top')
    .description('Show rates, times and resources that change, live. q ends it.')
    .option('--interval <ms>', 'how often', wholeNumber(), 1000)
    .action(async (_options, command) => (await import('./ctl/top.js')).top(all(command)))
}

function addCompletion(ctl: Command, program: Command): void {
  ctl
    .command('completion')
    .description(
      'Print the script that completes commands with the Tab key: source <(vhost-user-scmi ctl completion bash)',
    )
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .action(async shell => (await import('./ctl/completion.js')).script(shell))
  // What the script calls.
  ctl
    .command('complete', { hidden: true })
    .argument('[word...]')
    .action(async words => (await import('./ctl/completion.js')).complete(program, words))
}
