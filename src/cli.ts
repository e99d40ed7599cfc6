#!/usr/bin/env node
/** `vhost-user-scmi`: parses arguments, starts the server, ends it on a signal. No logic; subcommands are in cli/. */
import { createRequire } from 'node:module'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { addPlatformCommand, repeated } from './cli/platform.js'
import type { Endpoint } from './endpoint.js'
import { errorCode, OperatorError } from './errors.js'
import { createLogger, LOG_LEVELS, type LogLevel } from './log.js'
import { presetNames } from './platform/presets.js'
import { serve } from './serve.js'

const EXIT_FAILURE = 1
const EXIT_USAGE = 2

const { version } = createRequire(import.meta.url)('#root/package.json') as { version: string }

interface Options {
  socketPath?: string
  connect?: string
  fd?: number
  platform: string
  plugin: string[]
  logLevel: LogLevel
  json: boolean
  memSlots: boolean
  pollUs: number
  agent: Record<string, Endpoint>
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.')
  return Number(text)
}

/** Collects NAME=PATH options. */
function agentEndpoint(text: string, others: Record<string, Endpoint>): Record<string, Endpoint> {
  const [, name, socketPath] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || socketPath === undefined) throw new InvalidArgumentError('Write NAME=PATH.')
  if (others[name]) throw new InvalidArgumentError(`Agent ${name} has a socket already.`)
  return { ...others, [name]: { socketPath } }
}

const program = new Command('vhost-user-scmi')
  .description('A virtual SCMI platform: serves a virtio SCMI device to QEMU over vhost-user.')
  .addOption(
    new Option('--socket-path <path>', 'listen on this Unix socket; QEMU connects to it').conflicts(['connect', 'fd']),
  )
  .addOption(
    new Option('--connect <path>', 'dial a QEMU that listens (server=on), again whenever it drops').conflicts('fd'),
  )
  .addOption(new Option('--fd <n>', 'use this inherited socket, listening or connected').argParser(wholeNumber))
  .addOption(
    new Option('--agent <name=path>', 'listen on this socket for this agent; once for each guest')
      .argParser(agentEndpoint)
      .default({}, 'one agent'),
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
  .addOption(
    new Option('--log-level <level>', 'trace shows every message, decoded').choices(LOG_LEVELS).default('info'),
  )
  .option('--json', 'log one JSON object a line', false)
  .addOption(
    new Option('--poll-us <n>', 'watch the ring this long after work before sleeping; 0: never')
      .argParser(wholeNumber)
      .default(50),
  )
  .option('--mem-slots', 'offer CONFIGURE_MEM_SLOTS; QEMU then sends no memory after a reconnect', false)
  .option('--print-capabilities', 'print what a QEMU supervisor asks for, as JSON, and exit')
  .version(version)
  .allowExcessArguments(false)
  // Options before a subcommand are the program's, those after it are the subcommand's.
  .enablePositionalOptions()
  .showHelpAfterError('(--help shows all options and examples)')
  .addHelpText(
    'after',
    `
Examples:
  vhost-user-scmi --socket-path /tmp/scmi.sock
      serve the demo platform, then start the guest beside it:
  qemu-system-aarch64 -machine virt,gic-version=3,memory-backend=mem -cpu cortex-a57 -m 256 \\
      -object memory-backend-memfd,id=mem,size=256M,share=on \\
      -chardev socket,id=scmi,path=/tmp/scmi.sock -device vhost-user-scmi-pci,chardev=scmi …
      (\`scmi-lab boot --print-command\` prints a whole line, device tree and all)
  vhost-user-scmi --connect /tmp/scmi.sock --platform board.yaml
      for a QEMU with -chardev socket,…,server=on: survives restarts of either side

Exit codes: 0 stopped by a signal or done, 1 failed, 2 wrong option, file or path.`,
  )
  .exitOverride()
  .action(run)
addPlatformCommand(program)

function endpointOf(options: Options): Endpoint | undefined {
  if (options.socketPath !== undefined) return { socketPath: options.socketPath }
  if (options.connect !== undefined) return { connectPath: options.connect }
  if (options.fd !== undefined) return { fd: options.fd }
  return undefined
}

function describeEndpoint(endpoint: Endpoint): string {
  if ('connectPath' in endpoint) return `dialling ${endpoint.connectPath}`
  return `accepting connections on ${'fd' in endpoint ? `fd ${endpoint.fd}` : endpoint.socketPath}`
}

async function run(options: Options): Promise<void> {
  const endpoint = endpointOf(options)
  const log = createLogger({ level: options.logLevel, json: options.json })
  const server = await serve({
    ...(endpoint ? { endpoint } : {}),
    endpoints: options.agent,
    platform: options.platform,
    plugins: options.plugin,
    log,
    native: { memSlots: options.memSlots, pollUs: options.pollUs },
  })
  const stop = (signal: NodeJS.Signals): void => {
    log.info(`${signal}: stopping`)
    server.close()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Said at any log level: supervisors wait for it.
  log.child({}, { level: 'info' }).info(`ready: ${server.endpoints.map(describeEndpoint).join(', ')}`)
}

async function main(): Promise<number | undefined> {
  // By QEMU's conventions for back-end programs this option wins over all others, right or wrong.
  if (process.argv.includes('--print-capabilities')) {
    console.log(JSON.stringify({ type: 'scmi', features: [] }))
    return 0
  }
  try {
    await program.parseAsync()
    return undefined
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    if (error instanceof OperatorError) {
      console.error(`vhost-user-scmi: ${error.message}`)
      return EXIT_USAGE
    }
    console.error(error)
    return EXIT_FAILURE
  }
}

// Who reads may have seen enough: `platform show large | head`.
process.stdout.on('error', error => {
  if (errorCode(error) !== 'EPIPE') throw error
  process.exit()
})
process.exitCode = await main()
