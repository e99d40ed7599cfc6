/**
 * The only module of the lab that starts the device. It loads the device's modules when they are needed, so that
 * `kernel build` and `setup` work without the native addon.
 */
import { join } from 'node:path'
import type { ControlOptions } from '../../src/access/open.js'
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

/** Loads a platform as its first agent sees it, without serving it: for the device tree. */
export async function viewPlatform(name: string, options: DeviceOptions = {}): Promise<ScmiView> {
  const [{ loadPlatform }, { agentsOf }, { isServed }] = await Promise.all([
    import('../../src/loading/load.js'),
    import('../../src/platform/file/config.js'),
    import('../../src/protocols/declaration/served.js'),
  ])
  return asLabError(async () => {
    const { platform, protocols } = await loadPlatform(name, options)
    const agent = agentsOf(platform.config)[0]!
    return { platform, protocols: protocols.filter(protocol => isServed(protocol, platform, agent)) }
  })
}

/** The command line that starts the same device by hand. */
export const deviceLine = (platform: string, socket: DeviceSocket): string[] => [
  'node',
  join(packageRoot, 'dist', 'src', 'cli.js'),
  socket.dials === 'qemu' ? '--socket-path' : '--connect',
  socket.path,
  '--platform',
  platform,
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
