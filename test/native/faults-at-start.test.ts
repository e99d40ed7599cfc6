/** Fault rules of the platform file and of `faults`: they apply to the first message that a guest sends. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { stop } from '../../src/front-end/qemu.js'
import { definePlatform } from '../../src/loading/load.js'
import { type ServeOptions, serve } from '../../src/server/serve.js'
import { packHeader } from '../../src/wire/header.js'
import { BUSY, COMMS_ERROR, HARDWARE_ERROR, SUCCESS } from '../../src/wire/status.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { socketPath } from './rig.js'

const BASE = 0x10
const CLOCK = 0x14
const VERSION = 0x0
const RATE_GET = 0x6
const BASE_VERSION = 0x20001
const FIRST_BUSY = { protocol: 'base', message: 'PROTOCOL_VERSION', status: 'BUSY', times: 1 } as const
const BROKEN = { message: 'CLOCK_RATE_GET', where: { clock_id: '1..2' }, status: 'HARDWARE_ERROR' } as const

async function start(file: Record<string, unknown>, options: Partial<ServeOptions> = {}) {
  const path = socketPath()
  const clocks = [{ repeat: 4, name: 'clk_{i}', rate: 24e6 }]
  const platform = definePlatform({ vendor: 'acme', clocks, ...file })
  const said: string[] = []
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void said.push((JSON.parse(line) as { msg: string }).msg) },
  )
  const server = await serve({ platform, endpoint: { socketPath: path }, log, ...options })
  const guest = new Guest()
  const frontEnd = FrontEnd.connect(path)
  onTestFinished(() => {
    guest.close()
    server.close()
  })
  await guest.connect(frontEnd)
  return {
    server,
    said,
    /** Sends a message; resolves with the words of the reply, without its header. */
    async ask(protocol: number, id: number, ...words: number[]): Promise<number[]> {
      guest.driver.post(new Uint8Array(Uint32Array.of(packHeader(protocol, id, 0, 0), ...words).buffer), CAPACITY)
      guest.driver.cmdq.publish()
      const [used] = await guest.driver.cmdq.collect(1)
      return [...new Int32Array(guest.driver.answer(used!).reply.buffer)].slice(1)
    },
    /** As a guest that resets the device and starts a new driver. */
    async restartDriver(): Promise<void> {
      await stop(frontEnd, guest.driver.queues)
      guest.driver.reset()
      await guest.start(frontEnd)
    },
  }
}

const clockRates = async ({ ask }: Pick<Awaited<ReturnType<typeof start>>, 'ask'>): Promise<(number | undefined)[]> => {
  const statuses: (number | undefined)[] = []
  for (const id of [0, 1, 2, 3]) statuses.push((await ask(CLOCK, RATE_GET, id))[0])
  return statuses
}

it.each([
  ['the platform file', { faults: [FIRST_BUSY] }, {}, 'definePlatform'],
  ['the program', {}, { faults: [FIRST_BUSY] }, 'the program'],
])('a rule of %s hits the first message of the guest, once', async (_, file, options, place) => {
  const rig = await start(file, options)
  expect(await rig.ask(BASE, VERSION)).toEqual([BUSY])
  expect(await rig.ask(BASE, VERSION)).toEqual([SUCCESS, BASE_VERSION])
  expect(rig.server.faults.list()).toEqual([{ id: 1, rule: FIRST_BUSY, hits: 1, held: 0, active: false }])
  expect(rig.said.filter(line => line.includes('fault rules'))).toEqual([
    `fault rules: 1 of ${place}; \`vhost-user-scmi ctl fault list\` shows them`,
  ])
  // A new driver finds the rule as it is: used up.
  await rig.restartDriver()
  expect(await rig.ask(BASE, VERSION)).toEqual([SUCCESS, BASE_VERSION])
})

it('rules hit every driver, and end with `clear`', async () => {
  const rig = await start({ faults: [BROKEN] })
  const broken = [SUCCESS, HARDWARE_ERROR, HARDWARE_ERROR, SUCCESS]
  expect(await clockRates(rig)).toEqual(broken)
  await rig.restartDriver()
  expect(await clockRates(rig)).toEqual(broken)
  rig.server.faults.clear()
  expect(rig.server.faults.list()).toEqual([])
  await rig.restartDriver()
  expect(await clockRates(rig)).toEqual([SUCCESS, SUCCESS, SUCCESS, SUCCESS])
})

it('rules of a file come before those of the platform file, and these before others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'faults-at-start-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'rules.json')
  writeFileSync(path, JSON.stringify([{ ...BROKEN, where: { clock_id: 1 }, status: 'BUSY' }]))
  const rig = await start({ faults: [BROKEN] }, { faults: path })
  rig.server.faults.add({ ...BROKEN, where: { clock_id: '0..3' }, status: 'COMMS_ERROR' })
  expect(await clockRates(rig)).toEqual([COMMS_ERROR, BUSY, HARDWARE_ERROR, COMMS_ERROR])
  expect(rig.server.faults.list().map(({ id, hits }) => [id, hits])).toEqual([
    [1, 1],
    [2, 1],
    [3, 2],
  ])
})

it('a platform without rules logs none, and its messages take the fast way', async () => {
  const rig = await start({})
  expect(rig.said.filter(line => line.includes('fault'))).toEqual([])
  expect(rig.server.faults.awaited.response).toBe(false)
  expect(await rig.ask(BASE, VERSION)).toEqual([SUCCESS, BASE_VERSION])
})

it('a wrong rule ends the start before a socket is there', async () => {
  const endpoint = { socketPath: socketPath() }
  const platform = definePlatform({ vendor: 'acme', faults: [{ ...BROKEN, agent: 'b' }] })
  await expect(serve({ platform, endpoint })).rejects.toThrow(
    /^definePlatform:\d+:\d+: faults\[0\].agent: b is not one of guest$/,
  )
  expect(existsSync(endpoint.socketPath)).toBe(false)
})

it('rules may name agents of the command line', async () => {
  const endpoints = { b: { socketPath: socketPath() } }
  const platform = definePlatform({ vendor: 'acme', faults: [{ ...BROKEN, agent: 'b' }] })
  const server = await serve({ platform, endpoints })
  server.close()
})
