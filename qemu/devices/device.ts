/**
 * The only module of the lab that starts the device. It loads the device's modules when they are needed, so that
 * `kernel build` and `setup` work without the native addon.
 */
import { join } from 'node:path'
import type { ControlOptions } from '../../src/access/open.js'
import type { FaultRule } from '../../src/faults/rules/rule.js'
import type { ServeOptions } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import type { ScmiView } from '../device-tree/scmi-node.js'
import type { DeviceSocket } from '../machine/machine.js'
import { LabError } from '../support/errors.js'
import { packageRoot } from '../support/paths.js'

export type { Server }
/** The options of a server that the lab's caller decides. */
export type DeviceOptions = Omit<ServeOptions, 'platform' | 'endpoint'>

/** Starts the device in this process, on the socket of the machine. */
export async function startDevice(
  platform: string,
  socket: DeviceSocket,
  options: DeviceOptions = {},
): Promise<Server> {
  const { serve } = await import('../../src/server/serve.js')
  const endpoint = socket.dials === 'qemu' ? { socketPath: socket.path } : { connectPath: socket.path }
  return asLabError(() => serve({ ...options, platform, endpoint }))
}

/** Options of a device with control socket, page or metrics; it logs their addresses and its events to standard error. */
export async function openTo(open: ControlOptions): Promise<DeviceOptions> {
  const { createLogger } = await import('../../src/support/log.js')
  return { open, log: createLogger({ level: 'info', json: false }) }
}

/** A platform as its first agent sees it, and what its fault rules are, for people. */
export interface PlatformView extends ScmiView {
  faults: string | undefined
}

/** Loads a platform without serving it: for the device tree, and to report mistakes early. */
export async function viewPlatform(name: string, options: DeviceOptions = {}): Promise<PlatformView> {
  const [{ loadPlatform, rulesText }, { agentsOf }, { isServed }] = await Promise.all([
    import('../../src/loading/load.js'),
    import('../../src/platform/file/config.js'),
    import('../../src/protocols/declaration/served.js'),
  ])
  return asLabError(async () => {
    const { platform, protocols, faults } = await loadPlatform(name, options)
    const agent = agentsOf(platform.config)[0]!
    const served = protocols.filter(protocol => isServed(protocol, platform, agent))
    return { platform, protocols: served, faults: rulesText(faults) }
  })
}

/** The fault rules of a file, for devices of whatever platform. */
export async function readFaults(path: string): Promise<FaultRule[]> {
  const [{ readRulesFile }, { protocols }, { DEFAULT_AGENT }] = await Promise.all([
    import('../../src/faults/rules/rules-file.js'),
    import('../../src/protocols/index.js'),
    import('../../src/platform/file/config.js'),
  ])
  return asLabError(async () => readRulesFile(path, { protocols, agents: [DEFAULT_AGENT] }).map(({ given }) => given))
}

/** The command line that starts the same device by hand. */
export const deviceLine = (platform: string, socket: DeviceSocket, { faults }: DeviceOptions = {}): string[] => [
  'node',
  join(packageRoot, 'dist', 'src', 'cli.js'),
  socket.dials === 'qemu' ? '--socket-path' : '--connect',
  socket.path,
  '--platform',
  platform,
  ...(typeof faults === 'string' ? ['--faults', faults] : []),
]

/** Turns the device's OperatorError into the lab's LabError. */
export async function asLabError<T>(work: () => Promise<T>): Promise<T> {
  const { OperatorError } = await import('../../src/support/errors.js')
  try {
    return await work()
  } catch (error) {
    throw error instanceof OperatorError ? new LabError(error.message) : error
  }
}
