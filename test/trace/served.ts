/** A served platform with one guest of the mock driver, and its messages as the driver saw them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { definePlatform } from '../../src/loading/load.js'
import { type ServeOptions, serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { Guest } from '../driver/guest.js'
import { socketPath } from '../native/rig.js'

export const CLOCK = 0x14
export const SENSOR = 0x15
export const RATE_SET = 0x5
export const RATE_GET = 0x6
export const RATE_NOTIFY = 0x9

export const platform = definePlatform({
  vendor: 'acme',
  protocols: { clock: { max_pending_async: 2 } },
  clocks: [
    { name: 'cpu', rates: [600e6, 900e6], latency: '1 ms' },
    { name: 'uart', rate: 24e6, enabled: true },
  ],
  sensors: [{ name: 'soc', type: 'celsius', scale: -3, value: { sine: { mean: 45, amplitude: 5, period: '1 s' } } }],
})

export interface Served {
  server: Server
  guest: Guest
  /** A folder that is gone after the test. */
  folder: string
}

export async function served(options: Partial<ServeOptions> = {}): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-trace-'))
  const path = socketPath()
  const server = await serve({ endpoint: { socketPath: path }, platform, ...options })
  const guest = new Guest()
  onTestFinished(async () => {
    guest.close()
    server.close()
    await server.trace?.stop()
    rmSync(folder, { recursive: true })
  })
  await guest.connect(FrontEnd.connect(path))
  return { server, guest, folder }
}
