/** Options that open a device to its user, for all commands that start one. */
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
  'show and control the platform on a page: PORT on loopback, or HOST:PORT; prints the link',
)
export const metricsOption = new Option(
  '--metrics <address>',
  'serve metrics to Prometheus, at /metrics: PORT on loopback, or HOST:PORT',
)

/** In which ways the device is open to its user; undefined: in none. */
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
