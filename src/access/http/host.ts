/** Checks the host names that browsers use for this server. */
import { isIP } from 'node:net'
import { type ListenAddress, LOOPBACK_NAMES, withoutBrackets } from './listen-address.js'

/** Whether it listens on all addresses of this machine. */
export const isEveryInterface = ({ host }: ListenAddress): boolean => host === '0.0.0.0' || host === '::'

/**
 * Whether a request's Host header names this server. A foreign page whose name was made to resolve to this address (DNS
 * rebinding) sends its own name. Ports are ignored: with ssh -L they may differ.
 */
export function isOwnHost(address: ListenAddress, header: string | undefined): boolean {
  const name = withoutBrackets(/^(.*?)(?::\d+)?$/.exec(header?.toLowerCase() ?? '')?.[1] ?? '')
  if (name === address.host.toLowerCase() || LOOPBACK_NAMES.includes(name)) return true
  return isEveryInterface(address) && isIP(name) !== 0
}
