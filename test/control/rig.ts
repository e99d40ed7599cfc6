/** A served platform with a control socket, a mock driver, and a client of the control service. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ControlClient } from '../../src/access/control/client.js'
import type { ControlOptions } from '../../src/access/open.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { CAPACITY, Guest } from '../driver/guest.js'

/** Protocol ids. */
export const SYSTEM = 0x12
export const PERF = 0x13
export const CLOCK = 0x14
export const SENSOR = 0x15

/** Id of the clock `uart`. */
export const UART = 1

export const PLATFORM = {
  vendor: 'acme',
  sub_vendor: 'rig',
  implementation_version: 0x10002,
  agents: [{ name: 'linux' }, { name: 'rtos', resources: { clocks: ['uart'] } }],
  clocks: [
    { name: 'cpu', rates: ['600 MHz', '1.2 GHz'] },
    { name: 'uart', rates: ['24 MHz', '48 MHz'] },
  ],
  sensors: [
    { name: 'cpu', type: 'celsius', scale: -3, value: 41.5, trip_points: 1 },
    { name: 'vdd', type: 'volt', scale: -3, value: 0.9 },
  ],
  power_domains: [{ name: 'gpu' }],
  perf_domains: [
    { name: 'dsp', levels: [1, 2, 3].map(level => ({ level, power: level })), sustained_frequency: '3 MHz' },
  ],
  system: { suspend: true },
}

const EVENT_BUFFERS = 8

export interface ControlRig {
  server: Server
  /** The first agent's guest. */
  guest: Guest
  client: ControlClient
  folder: string
  control: string
}

/** `platform`: keys that extend or replace those of PLATFORM. */
export async function setUp(
  options: { platform?: Record<string, unknown>; open?: ControlOptions; connect?: boolean } = {},
): Promise<ControlRig> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-control-'))
  const control = join(folder, 'control')
  const endpoints = { linux: { socketPath: join(folder, 'linux') }, rtos: { socketPath: join(folder, 'rtos') } }
  const platform = definePlatform({ ...PLATFORM, ...options.platform })
  const server = await serve({ platform, endpoints, open: { control, ...options.open } })
  const client = await ControlClient.open(control)
  const guest = new Guest()
  onTestFinished(() => {
    client.close()
    guest.close()
    server.close()
    rmSync(folder, { recursive: true })
  })
  if (options.connect !== false) {
    await guest.connect(FrontEnd.connect(endpoints.linux.socketPath))
    guest.driver.postEventBuffers(EVENT_BUFFERS, CAPACITY)
  }
  return { server, guest, client, folder, control }
}

/** The words of the next `count` events that the guest is given, headers first. */
export async function nextEvents({ guest }: Pick<ControlRig, 'guest'>, count = 1): Promise<number[][]> {
  const events: Uint8Array[] = []
  await until(() => events.push(...guest.driver.events()) >= count, `${count} events`)
  return events.map(event => [...new Uint32Array(event.slice().buffer)])
}
