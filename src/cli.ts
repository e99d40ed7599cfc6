#!/usr/bin/env node
/** `vhost-user-scmi`: parses arguments, starts the server, ends it on a signal. No logic. */
import { createRequire } from 'node:module'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { OperatorError } from './errors.js'
import { createLogger, LOG_LEVELS, type LogLevel } from './log.js'
import { type Endpoint, serve } from './serve.js'

const EXIT_FAILURE = 1
const EXIT_USAGE = 2

const { version } = createRequire(import.meta.url)('#root/package.json') as { version: string }

interface Options {
  socketPath?: string
  connect?: string
  fd?: number
  platform: string
  logLevel: LogLevel
  json: boolean
  memSlots: boolean
  pollUs: number
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.')
  return Number(text)
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
  .option('--platform <file|preset>', 'the platform to serve: a YAML file, or a preset (minimal, demo)', 'demo')
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

Exit codes: 0 stopped by a signal, 1 failed, 2 wrong option, file or path.`,
  )
  .exitOverride()
  .action(run)

function endpointOf(options: Options): Endpoint {
  if (options.socketPath !== undefined) return { socketPath: options.socketPath }
  if (options.connect !== undefined) return { connectPath: options.connect }
  if (options.fd !== undefined) return { fd: options.fd }
  throw new OperatorError('give one of --socket-path, --connect or --fd (--help shows examples)')
}

async function run(options: Options): Promise<void> {
  const endpoint = endpointOf(options)
  const log = createLogger({ level: options.logLevel, json: options.json })
  const server = await serve({
    endpoint,
    platform: options.platform,
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
  const where =
    'fd' in endpoint ? `fd ${endpoint.fd}` : 'socketPath' in endpoint ? endpoint.socketPath : endpoint.connectPath
  log
    .child({}, { level: 'info' })
    .info(`ready: ${'connectPath' in endpoint ? 'dialling' : 'accepting connections on'} ${where}`)
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

process.exitCode = await main()
