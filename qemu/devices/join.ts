/** Finds an agent of a device that runs in another process, through its control socket: for a guest that joins. */
import type { ScmiView } from '../device-tree/scmi-node.js'
import type { DeviceSocket } from '../machine/machine.js'
import { LabError } from '../support/errors.js'
import { asLabError, viewPlatform } from './device.js'

/** An agent of a device that runs already: where a guest connects, and what it sees. */
export interface JoinedAgent {
  socket: DeviceSocket
  view: ScmiView
}

/** Default of `control`: the path on which devices open it by default. */
export async function joinAgent(agent: string, control?: string): Promise<JoinedAgent> {
  const [{ ControlClient }, { defaultControlPath }, { moduleOf }] = await Promise.all([
    import('../../src/access/control/client.js'),
    import('../../src/access/control/socket.js'),
    import('../../src/loading/plugins.js'),
  ])
  const source = await asLabError(async () => {
    const client = await ControlClient.open(control ?? defaultControlPath())
    try {
      return await client.call('getPlatform', undefined)
    } finally {
      client.close()
    }
  })
  const { agents, plugins, ...definition } = source
  const names = agents.map(({ name }) => name)
  const found = agents.find(({ name }) => name === agent)
  const free = agents.filter(({ connected }) => !connected).map(({ name }) => name)
  const others = `agents without a guest: ${free.join(', ') || 'none'}`
  if (!found) throw new LabError(`--agent ${agent}: the device has no such agent; ${others}`)
  if (found.connected) throw new LabError(`--agent ${agent}: it has a guest already; ${others}`)
  if (found.socket === '') {
    throw new LabError(
      `--agent ${agent}: its socket was inherited and has no path; start the device with --agent ${agent}=PATH`,
    )
  }
  const view = await viewPlatform(definition, { plugins: plugins.map(moduleOf), agents: names }, agent)
  return { view, socket: { path: found.socket, dials: found.dials ? 'device' : 'qemu' } }
}
