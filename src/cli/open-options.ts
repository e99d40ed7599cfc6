/** Options that give access to a running device, for all commands that start one. */
import { Option } from 'commander'
import { defaultControlPath, prepareControlPath } from '../access/control/socket.js'
import type { ControlOptions } from '../access/open.js'

export interface OpenOptions {
  /** True: on the default path. */
  control?: string | true
  http?: string
  metrics?: string
}

export const controlOption = new Option(
  '--control [path]',
  `open the control service on this Unix socket, for \`vhost-user-scmi ctl\` and gRPC clients; without a path: ${defaultControlPath()}`,
)
export const httpOption = new Option(
  '--http <address>',
  'serve a web page that shows and controls the platform: PORT on loopback, or HOST:PORT; prints the link',
)
export const metricsOption = new Option(
  '--metrics <address>',
  'serve Prometheus metrics at /metrics: PORT on loopback, or HOST:PORT',
)

/** The access that the options ask for; undefined: none. */
export function waysIn({ control, http, metrics }: OpenOptions): ControlOptions | undefined {
  if (!control && http === undefined && metrics === undefined) return undefined
  const path = control === true ? defaultControlPath() : control
  if (path !== undefined) prepareControlPath(path)
  return {
    ...(path === undefined ? {} : { control: path }),
    ...(http === undefined ? {} : { http }),
    ...(metrics === undefined ? {} : { metrics }),
  }
}
