/** SCMI clients: over a vhost-user socket, and to a platform in this process. */
import { type LoadedPlatform, type LoadOptions, loadPlatform, type PlatformDefinition } from '../loading/load.js'
import { protocols as standardProtocols } from '../protocols/index.js'
import { AgentChannel } from './agent-channel.js'
import { type Client, createClient } from './client.js'
import { VhostUserChannel, type VhostUserOptions } from './vhost-user-channel.js'

export type StandardClient = Client<typeof standardProtocols>

/**
 * A client of the back end that listens at `path`; connects like QEMU. Throws OperatorError if nothing listens there.
 */
export async function connectClient(path: string, options: VhostUserOptions = {}): Promise<StandardClient> {
  return createClient(await VhostUserChannel.connect(path, options), standardProtocols)
}

/**
 * A client of a platform in this process: a platform file, a preset, or the result of `definePlatform` or
 * `loadPlatform`. Its fault rules do not apply, as there is no device. Closing the client does not close a platform that
 * was passed in.
 */
export async function createLocalClient(
  platform: string | PlatformDefinition | LoadedPlatform,
  options: LoadOptions = {},
): Promise<StandardClient> {
  const loaded =
    typeof platform !== 'string' && 'platform' in platform ? platform : await loadPlatform(platform, options)
  return createClient(new AgentChannel(loaded), standardProtocols)
}
