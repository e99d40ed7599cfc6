/** Opens a running server to its user, in the ways that were asked for. Loaded only then. */
import { createRequire } from 'node:module'
import type { Logger } from '../log.js'
import type { Server } from '../serve.js'
import { ControlServer } from './grpc.js'
import { Operations } from './operations.js'

const { version } = createRequire(import.meta.url)('#root/package.json') as { version: string }

export interface ControlOptions {
  /** The control service listens on this Unix socket. */
  control?: string
}

/** Opens what `options` say. Returns what closes it again. Throws OperatorError for what can't be opened. */
export async function openControl(server: Server, { control }: ControlOptions, log: Logger): Promise<() => void> {
  const operations = new Operations(server, version)
  const opened: { close(): void }[] = []
  if (control !== undefined) opened.push(await ControlServer.open(control, operations, log))
  return () => {
    for (const each of opened) each.close()
  }
}
