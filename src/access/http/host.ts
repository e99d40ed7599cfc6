/** By which names browsers may call the web view. */
import { isIP } from 'node:net'
import { type ListenAddress, LOOPBACK_NAMES, withoutBrackets } from './listen-address.js'

/** Whether every address of this machine leads to it. */
export const isEveryInterface = ({ host }: ListenAddress): boolean => host === '0.0.0.0' || host === '::'

/**
 * Whether a request's Host header names this server. A page of a foreign site whose name was made to lead here (DNS
 * rebinding) sends that name. Ports are not looked at: a forwarded one (ssh -L) may differ.
 */
export function isOwnHost(address: ListenAddress, header: string | undefined): boolean {
  const name = withoutBrackets(/^(.*?)(?::\d+)?$/.exec(header?.toLowerCase() ?? '')?.[1] ?? '')
  if (name === address.host.toLowerCase() || LOOPBACK_NAMES.includes(name)) return true
  return isEveryInterface(address) && isIP(name) !== 0
}
