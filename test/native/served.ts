/** A platform served to one guest, and its commands: for tests of the cost of messages. */
import { expect, onTestFinished } from 'vitest'
import { BATCH_MAX } from '../../src/device/native.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { definePlatform } from '../../src/loading/load.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { packHeader } from '../../src/wire/header.js'
import { CLOCK, SENSOR } from '../control/rig.js'
import { Guest } from '../driver/guest.js'
import { startRounds } from '../driver/storm.js'
import { socketPath } from './rig.js'

/** Commands that the ring holds: several batches. */
export const RING = 4 * BATCH_MAX
const BASE = 0x10
export const RATE_GET = 0x6
const READING_GET = 0x6
const header = (protocol: number, id: number): number => packHeader(protocol, id, 0, 0)
/** Commands that guests send most. */
export const READS = [[header(BASE, 0)], [header(CLOCK, RATE_GET), 1], [header(SENSOR, READING_GET), 0, 0]]

const platform = definePlatform({
  vendor: 'acme',
  clocks: [
    { name: 'cpu', rates: ['600 MHz'] },
    { name: 'fast', rates: ['6 GHz'] },
  ],
  sensors: [{ name: 'soc', type: 'celsius', scale: -3, value: { sine: { mean: 40, amplitude: 9, period: '1 s' } } }],
})

/** A platform that is served to one guest, whose ring has room for four batches. */
export async function served() {
  const path = socketPath()
  const server = await serve({ platform, endpoint: { socketPath: path } })
  const guest = new Guest({ size: RING, form: 'indirect' })
  onTestFinished(() => {
    guest.close()
    server.close()
  })
  await guest.connect(FrontEnd.connect(path))
  return { server, round: startRounds(guest, READS) }
}

export function expectAllRight(server: Server): void {
  const [stats] = server.stats()
  expect(stats).toMatchObject({ internalErrors: 0, unanswerable: 0, ringFaults: 0, unknownProtocol: 0 })
  for (const { failed, succeeded } of stats!.protocols) expect([failed, succeeded > 0]).toEqual([0, true])
}
