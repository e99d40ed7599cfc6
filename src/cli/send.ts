/** `vhost-user-scmi send`: an SCMI client for any vhost-user back end. Definitions alone; send-action.ts does it. */
import { type Command, Option } from 'commander'
import { repeated, wholeNumber } from './arguments.js'

export function addSendCommand(program: Command): void {
  program
    .command('send')
    .description('Send an SCMI command to a vhost-user back end, as a guest would, and print the decoded answer.')
    .argument('<socket>', 'where the back end listens; no other front end may be connected')
    .argument('<protocol>', 'its name, such as clock, or its id, such as 0x14')
    .argument('[message]', 'its name, such as CLOCK_RATE_GET, or its id: then give words in place of fields')
    .argument(
      '[field=value...]',
      'fields of the request; one that is left out is 0. A list is JSON: configs=[{"…": 1}]',
    )
    .option('--delayed', 'wait for the delayed response, too', false)
    .addOption(
      new Option('--listen <seconds>', 'go on printing notifications for so long; 0: until Ctrl-C').argParser(
        wholeNumber(0, 86_400),
      ),
    )
    .addOption(
      new Option('--timeout <seconds>', 'give up after so long without an answer')
        .argParser(wholeNumber(1, 3600))
        .default(10),
    )
    .addOption(
      new Option('--plugin <file|name>', "know a plug-in's protocols, too; repeatable")
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
  vhost-user-scmi send /tmp/scmi.sock 0x80 0x3 1 0x10      a message that is not declared, its payload as 32-bit words
  vhost-user-scmi send /tmp/scmi.sock clock                the commands of a protocol, and their fields

Exit codes: 0 answered with SUCCESS, 1 another status or no answer, 2 wrong option, name, field or path.`,
    )
    .action(async (socket, protocol, message, fields, options) =>
      (await import('./send-action.js')).send(socket, protocol, message, fields, options),
    )
}
