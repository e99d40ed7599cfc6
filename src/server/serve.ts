/** Puts a server together: loads the platform and opens everything that the options ask for. */
import type { ControlOptions } from '../access/open.js'
import type { Endpoint } from '../device/endpoint.js'
import { type LoadOptions, loadPlatform, type PlatformDefinition, rulesText } from '../loading/load.js'
import type { AgentConfig } from '../platform/core/platform-config.js'
import { RealTime } from '../platform/core/time.js'
import { agentsOf } from '../platform/file/config.js'
import { WatchedTime } from '../state/watched-time.js'
import { OperatorError } from '../support/errors.js'
import { type Logger, silentLogger } from '../support/log.js'
import { own } from '../support/own.js'
import { Server, type ServerOptions } from './server.js'

export interface ServeOptions extends Omit<LoadOptions, 'agents'>, ServerOptions {
  /** Endpoint of the first agent, which is the only one unless the platform file has more. */
  endpoint?: Endpoint
  /** Endpoints by name of the agent. A name that the platform file lacks adds an agent that sees everything. */
  endpoints?: Record<string, Endpoint>
  /** The endpoint of an agent that has none by the other options or the platform file. */
  endpointOf?: (agent: AgentConfig) => Endpoint
  /** A platform file, the name of a preset, or the result of `definePlatform`. */
  platform: string | PlatformDefinition
  log?: Logger
  /** Record a trace to this file, from the first message on. */
  trace?: string
  /** Persist the platform's state in this file, and resume from what it holds. */
  state?: string
  /** Open the control service, the web view or metrics. */
  open?: ControlOptions
}

/** The endpoint of each agent by name. Throws OperatorError if one has none. */
function endpointsOf(agents: readonly AgentConfig[], options: ServeOptions): Map<string, Endpoint> {
  return new Map(
    agents.map((agent, i) => {
      const fromFile = agent.socket === undefined ? undefined : { socketPath: agent.socket }
      const given = own(options.endpoints, agent.name) ?? (i === 0 ? options.endpoint : undefined)
      const endpoint = given ?? fromFile ?? options.endpointOf?.(agent)
      if (endpoint) return [agent.name, endpoint]
      throw new OperatorError(
        agents.length === 1
          ? 'give one of --socket-path, --connect or --fd (--help shows examples)'
          : `agent ${agent.name} has no socket; give --agent ${agent.name}=PATH, or "socket:" in the platform file`,
      )
    }),
  )
}

/**
 * Serves a platform. Resolves when connections are accepted for every agent, or are being attempted.
 * Throws OperatorError for an invalid platform file or plug-in, or an unusable endpoint.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const log = options.log ?? silentLogger()
  const time = options.state === undefined ? undefined : new WatchedTime(options.time ?? new RealTime())
  const names = Object.keys(options.endpoints ?? {})
  const loaded = await loadPlatform(options.platform, { ...options, agents: names, ...(time ? { time } : {}) })
  const agents = agentsOf(loaded.platform.config, names)
  const endpoints = endpointsOf(agents, options)
  const server = new Server(loaded, agents, options, log)
  try {
    for (const { rules } of loaded.faults) for (const rule of rules) server.faults.addReady(rule)
    const told = rulesText(loaded.faults)
    if (told) log.info(`${told}; \`vhost-user-scmi ctl fault list\` shows them`)
    if (options.state !== undefined && time) await server.keepState(options.state, time)
    if (options.trace !== undefined) await server.startTrace(options.trace)
    await server.open(endpoints)
    if (options.open) await server.openControl(options.open)
  } catch (error) {
    server.close()
    throw error
  }
  return server
}
