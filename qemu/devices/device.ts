/**
 * The only module of the lab that starts the device. It loads the device's modules when they are needed, so that
 * `kernel build` and `setup` work without the native addon.
 */
import { join } from 'node:path'
import type { ControlOptions } from '../../src/access/open.js'
import type { FaultRule } from '../../src/faults/rules/rule.js'
import type { LoadOptions, PlatformDefinition } from '../../src/loading/load.js'
import type { AgentConfig } from '../../src/platform/core/platform-config.js'
import type { ServeOptions } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import type { ScmiView } from '../device-tree/scmi-node.js'
import type { DeviceSocket } from '../machine/machine.js'
import { LabError, WorkError } from '../support/errors.js'
import { packageRoot } from '../support/paths.js'

export type { Server }
/** The options of a server that the lab's caller decides. */
export type DeviceOptions = Omit<ServeOptions, 'platform' | 'endpoint'>

/** Id of the second agent. */
const SECOND = 2

/** The socket of an agent that is not the machine's. */
const socketOfAgent = ({ path }: DeviceSocket, id: number): string => `${path}.${id}`

/**
 * Starts the device in this process, on the socket of the machine. The first agent is its guest; others have sockets beside
 * it, for guests that join.
 */
export async function startDevice(
  platform: string,
  socket: DeviceSocket,
  options: DeviceOptions = {},
): Promise<Server> {
  const { serve } = await import('../../src/server/serve.js')
  const endpoint = socket.dials === 'qemu' ? { socketPath: socket.path } : { connectPath: socket.path }
  const endpointOf = ({ id }: AgentConfig) => ({ socketPath: socketOfAgent(socket, id) })
  return asLabError(() => serve({ endpointOf, ...options, platform, endpoint }))
}

/** Options of a device with control socket, page or metrics; it logs their addresses and its events to standard error. */
export async function openTo(open: ControlOptions): Promise<DeviceOptions> {
  const { createLogger } = await import('../../src/support/log.js')
  return { open, log: createLogger({ level: 'info', json: false }) }
}

/** A platform as one of its agents sees it. */
export interface PlatformView extends ScmiView {
  /** The names of all agents. */
  agents: string[]
  /** What its fault rules are, for people. */
  faults: string | undefined
}

/** Loads a platform without serving it: for the device tree, and to report mistakes early. Default: the first agent. */
export async function viewPlatform(
  platform: string | PlatformDefinition,
  options: LoadOptions = {},
  name?: string,
): Promise<PlatformView> {
  const [{ loadPlatform, rulesText }, { agentsOf }] = await Promise.all([
    import('../../src/loading/load.js'),
    import('../../src/platform/file/config.js'),
  ])
  return asLabError(async () => {
    const loaded = await loadPlatform(platform, options)
    const agents = agentsOf(loaded.platform.config, options.agents)
    const agent = agents.find(agent => agent.name === name) ?? agents[0]!
    const view = await viewOf(loaded, agent)
    return { ...view, agents: agents.map(agent => agent.name), faults: rulesText(loaded.faults) }
  })
}

/** What an agent of a loaded platform sees. */
export async function viewOf(
  { platform, protocols }: Pick<Server, 'platform' | 'protocols'>,
  agent: Pick<AgentConfig, 'resources'>,
): Promise<ScmiView> {
  const { isServed } = await import('../../src/protocols/declaration/served.js')
  const served = protocols.filter(protocol => isServed(protocol, platform, agent)).map(({ id }) => id)
  const recorded = platform.config.recorded.map(({ protocolId }) => protocolId)
  const ids = [...new Set([...served, ...recorded])].sort((a, b) => a - b)
  return { platform, agent, protocols: ids.map(id => ({ id })) }
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

/** The command line that starts the same device by hand; `others` are the agents besides the first. */
export const deviceLine = (
  platform: string,
  socket: DeviceSocket,
  { faults, sharedMemory }: DeviceOptions = {},
  others: readonly string[] = [],
): string[] => [
  'node',
  join(packageRoot, 'dist', 'src', 'cli.js'),
  socket.dials === 'qemu' ? '--socket-path' : '--connect',
  socket.path,
  '--platform',
  platform,
  ...others.flatMap((name, i) => ['--agent', `${name}=${socketOfAgent(socket, i + SECOND)}`]),
  ...(typeof faults === 'string' ? ['--faults', faults] : []),
  ...(sharedMemory === undefined ? [] : ['--shared-memory', `0x${sharedMemory.toString(16)}`]),
]

/** Turns the device's errors into the lab's. */
export async function asLabError<T>(work: () => Promise<T>): Promise<T> {
  const { FailedError, OperatorError } = await import('../../src/support/errors.js')
  try {
    return await work()
  } catch (error) {
    if (error instanceof FailedError) throw new WorkError(error.message)
    throw error instanceof OperatorError ? new LabError(error.message) : error
  }
}
