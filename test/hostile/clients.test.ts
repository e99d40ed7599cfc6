/**
 * Clients of every kind that send requests and do not read, beside a guest: their backlog is bounded, and they are
 * disconnected, logged and counted. `npm run torture -- clients` does the same for longer, with a guest that floods.
 */
import { expect, it, onTestFinished } from 'vitest'
import { ControlClient } from '../../src/access/control/client.js'
import { until } from '../../src/front-end/wait.js'
import { ATTACKS } from '../torture/clients.js'
import { unreadCalls } from './attackers.js'
import { OpenDevice } from './open-device.js'

const LIMIT_MS = 120_000
const ENHANCE_YOUR_CALM = 11

async function startDevice(): Promise<OpenDevice> {
  const device = await OpenDevice.start()
  onTestFinished(async () => void (await device.close()))
  return device
}

it.each(Object.entries(ATTACKS))(
  '%s: the device’s memory stays bounded, its guest and other clients are served',
  async (what, start) => {
    const device = await startDevice()
    const result = await device.withstand(() => start(device), { seconds: 5, restMs: 2 })
    console.info(
      `${what}: ${result.count}; ${result.growthKb >> 10} MiB more, ${Math.round(result.waitedMs)} ms at most`,
    )
    expect(result.failures).toEqual([])
    expect(result.answered).toBeGreaterThan(1000)
  },
  LIMIT_MS,
)

it(
  'a call that is not read is reset with a reason, logged and counted; one that is read stays',
  async () => {
    const device = await startDevice()
    const stuck = unreadCalls(device.control, '/vhost_user_scmi.v1.Control/Describe', { calls: 1 })
    const client = await ControlClient.open(device.control)
    onTestFinished(() => client.close())
    const stop = new AbortController()
    let isOver = false
    const watching = client
      .stream('watch', {}, () => {}, stop.signal)
      .then(() => {
        isOver = true
      })
    await until(() => stuck.codes.length > 0, 'the call to be reset', 30_000)
    expect(stuck.codes[0]).toBe(ENHANCE_YOUR_CALM)
    expect(isOver).toBe(false)
    expect(device.command.stderr).toContain('ended a call of Describe: it had read nothing for 10 s')
    expect(await device.scrape()).toContain('scmi_clients_ended_total{door="control"} 1')
    stuck.end()
    stop.abort()
    await watching
  },
  LIMIT_MS,
)

it(
  'a client without a call gets one at once, however many unread calls others have',
  async () => {
    const device = await startDevice()
    const { control } = device
    const attacks = Array.from({ length: 4 }, () => unreadCalls(control, '/vhost_user_scmi.v1.Control/Describe'))
    onTestFinished(() => {
      for (const attack of attacks) attack.end()
    })
    await until(() => attacks.some(({ codes }) => codes.length > 0), 'calls to be refused', 30_000)
    for (let i = 0; i < 10; i++) {
      const client = await ControlClient.open(control)
      const { agents } = await client.call('getStats', undefined)
      client.close()
      expect(agents.map(({ agent }) => agent)).toEqual(['guest'])
    }
  },
  LIMIT_MS,
)
