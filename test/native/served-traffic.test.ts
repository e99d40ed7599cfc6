/** A served platform at full traffic, with its whole dispatch: what messages cost, and that nobody else has to wait. */
import { PerformanceObserver } from 'node:perf_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { definePlatform } from '../../src/load.js'
import { BATCH_MAX, type NativeDevice } from '../../src/native.js'
import { type Server, serve } from '../../src/serve.js'
import { packHeader } from '../../src/wire/header.js'
import { CLOCK, SENSOR, setUp } from '../control/rig.js'
import { FrontEnd } from '../driver/front-end.js'
import { Guest } from '../driver/guest.js'
import { startRounds, startStorm } from '../driver/storm.js'
import { turns, until } from '../driver/wait.js'
import { socketPath } from './rig.js'

/** Commands that the ring holds: several batches. */
const RING = 4 * BATCH_MAX
const MIB = 1 << 20
const MILLION = 1_000_000

const BASE = 0x10
const RATE_GET = 0x6
const READING_GET = 0x6
const header = (protocol: number, id: number): number => packHeader(protocol, id, 0, 0)
/** What guests ask for all day. */
const READS = [[header(BASE, 0)], [header(CLOCK, RATE_GET), 1], [header(SENSOR, READING_GET), 0, 0]]

const platform = definePlatform({
  vendor: 'acme',
  clocks: [
    { name: 'cpu', rates: ['600 MHz'] },
    { name: 'fast', rates: ['6 GHz'] },
  ],
  sensors: [{ name: 'soc', type: 'celsius', scale: -3, value: { sine: { mean: 40, amplitude: 9, period: '1 s' } } }],
})

/** A platform that is served to one guest, whose ring has room for four batches. */
async function served() {
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

function expectAllRight(server: Server): void {
  const [stats] = server.stats()
  expect(stats).toMatchObject({ internalErrors: 0, unanswerable: 0, ringFaults: 0, unknownProtocol: 0 })
  for (const { failed, succeeded } of stats!.protocols) expect([failed, succeeded > 0]).toEqual([0, true])
}

test('a million messages grow the heap by less than half a MiB, garbage included, and nothing is collected', async () => {
  const { server, round } = await served()
  let collections = 0
  const observer = new PerformanceObserver(list => {
    collections += list.getEntries().length
  })
  const rounds = Math.ceil(MILLION / RING)
  /** Bytes by which they grow the heap. */
  const growth = async (count: number): Promise<number> => {
    gc!()
    await turns()
    observer.observe({ entryTypes: ['gc'] })
    const before = process.memoryUsage().heapUsed
    await round(rounds, count)
    const after = process.memoryUsage().heapUsed
    await turns()
    observer.disconnect()
    return after - before
  }
  await round(200)
  // Turns of the loop cost something, whatever is sent meanwhile.
  const [one, all] = [await growth(1), await growth(RING)]
  expect(collections).toBe(0)
  expect(all - one, `${all} bytes; ${one} with a message in place of ${RING}`).toBeLessThan(MIB / 2)
  expectAllRight(server)
})

test('native code is entered once a batch, and no method of the device is called for a message', async () => {
  const { server, round } = await served()
  await round(1)
  const calls = countCalls(server.device.native)
  const { time } = server.platform
  let batches = 0
  let nowUs = time.nowUs
  // Set when a batch begins; nobody else asks for the time meanwhile.
  Object.defineProperty(time, 'nowUs', {
    get: () => nowUs,
    set: us => {
      batches++
      nowUs = us
    },
  })
  await round(100)
  expect(batches).toBe((100 * RING) / BATCH_MAX)
  expect(calls).toEqual({})
  expectAllRight(server)
})

/** Counts calls of the device's methods by name from now on. */
function countCalls(device: NativeDevice): Record<string, number> {
  const calls: Record<string, number> = {}
  const prototype = Object.getPrototypeOf(device) as Record<string, (...args: unknown[]) => unknown>
  const names = Object.getOwnPropertyNames(prototype).filter(name => name !== 'constructor')
  expect(names).toContain('peekEvent')
  for (const name of names) {
    const value = (...args: unknown[]) => {
      calls[name] = (calls[name] ?? 0) + 1
      return prototype[name]!.apply(device, args)
    }
    Object.defineProperty(device, name, { value })
  }
  return calls
}

test('a guest that never rests keeps neither timers nor another guest, nor either control side waiting', {
  timeout: 60_000,
}, async () => {
  const { server, client, folder } = await setUp({ connect: false })
  const [restless, other] = [new Guest({ size: 64, form: 'indirect' }), new Guest()]
  onTestFinished(() => {
    for (const guest of [restless, other]) guest.close()
  })
  await restless.connect(FrontEnd.connect(`${folder}/linux`))
  await other.connect(FrontEnd.connect(`${folder}/rtos`))
  onTestFinished(startStorm(restless, READS))
  const answered = () => server.devices[0]!.stats().messages
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  onTestFinished(() => clearInterval(timer))
  for (let round = 0; round < 20; round++) {
    const [messages, tick] = [answered(), ticks]
    expect(await other.send(CLOCK, RATE_GET, 0)).toEqual([0, 24e6, 0])
    await restless.frontEnd!.sync()
    await client.call('describeAgent', {})
    await until(() => ticks > tick, 'a timer')
    await until(() => answered() > messages, 'the guest that never rests to go on')
  }
  expect(server.stats().map(({ ringFaults, internalErrors }) => [ringFaults, internalErrors])).toEqual([
    [0, 0],
    [0, 0],
  ])
})
