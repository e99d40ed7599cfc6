/**
 * `vhost-user-scmi send`: an SCMI client for any vhost-user back end. Definitions only; the action is in
 * send-action.ts.
 */
import { type Command, Option } from 'commander'
import { repeated, wholeNumber } from './arguments.js'

export function addSendCommand(program: Command): void {
  program
    .command('send')
    .description('Send an SCMI command to a vhost-user back end, as a guest would, and print the decoded answer.')
    .argument('<socket>', 'socket of the back end; no other front end may be connected')
    .argument('<protocol>', 'name, such as clock, or id, such as 0x14')
    .argument('[message]', 'name, such as CLOCK_RATE_GET, or id: then give words instead of fields')
    .argument('[field=value...]', 'fields of the request; omitted ones are 0. A list is JSON: configs=[{"…": 1}]')
    .option('--delayed', 'also wait for the delayed response', false)
    .addOption(
      new Option('--listen <seconds>', 'then print notifications for this long; 0: until Ctrl-C').argParser(
        wholeNumber(0, 86_400),
      ),
    )
    .addOption(
      new Option('--timeout <seconds>', 'give up if no answer comes within this time')
        .argParser(wholeNumber(1, 3600))
        .default(10),
    )
    .addOption(
      new Option('--plugin <file|name>', "add a plug-in's protocols; repeatable")
        .argParser(repeated)
        .default([], 'none'),
    )
    .option('--json', 'print one JSON object a line', false)
    .addHelpText(
      'after',
      `
Examples:
  vhost-user-scmi send /tmp/scmi.sock base BASE_DISCOVER_VENDOR
  vhost-user-scmi send /tmp/scmi.sock clock CLOCK_RATE_SET clock_id=1 rate=48000000
  vhost-user-scmi send /tmp/scmi.sock clock CLOCK_RATE_NOTIFY clock_id=1 notify_enable=1 --listen 0
  vhost-user-scmi send /tmp/scmi.sock 0x80 0x3 1 0x10      an undeclared message with 32-bit payload words
  vhost-user-scmi send /tmp/scmi.sock clock                list the commands of a protocol with their fields

Exit codes: 0 answered with SUCCESS, 1 another status or no answer, 2 wrong option, name, field or path.`,
    )
    .action(async (socket, protocol, message, fields, options) =>
      (await import('./send-action.js')).send(socket, protocol, message, fields, options),
    )
}
