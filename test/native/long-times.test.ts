/**
 * Times beyond 2^31 ms, which Node's timers fire at once, in every setting that takes a time: nothing may happen too early.
 * The tests wait long enough for a timer of 1 ms to fire, and not for one of 30 days.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { afterMs, everyMs } from '../../src/platform/core/time.js'
import { system } from '../../src/platform/system/index.js'
import { SystemState } from '../../src/platform/system/model.js'
import { serve } from '../../src/server/serve.js'
import { CLOCK, SENSOR, SYSTEM, setUp } from '../control/rig.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { socketPath } from './rig.js'

const DAY_MS = 24 * 3_600_000
const LONG = '720 h'
const WAIT_MS = 50
const [POWER, VOLTAGE, POWERCAP] = [0x11, 0x17, 0x18]
const ASYNC = 1

describe('timers', () => {
  afterEach(() => void vi.useRealTimers())

  it.each([0, 1, 20, 24.8, 24.9, 30, 49.7, 100, 1000])('after %d days, run once, then', days => {
    vi.useFakeTimers()
    const run = vi.fn()
    afterMs(days * DAY_MS, run)
    const before = Math.max(days * DAY_MS - 1, 0)
    vi.advanceTimersByTime(before)
    expect(run).toHaveBeenCalledTimes(days === 0 ? 1 : 0)
    vi.advanceTimersByTime(2 * DAY_MS)
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('can be cancelled, also in the second step', () => {
    vi.useFakeTimers()
    const run = vi.fn()
    const timer = afterMs(60 * DAY_MS, run)
    vi.advanceTimersByTime(40 * DAY_MS)
    timer.cancel()
    vi.advanceTimersByTime(100 * DAY_MS)
    expect(run).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('repeat, and can be cancelled from within', () => {
    vi.useFakeTimers()
    const run = vi.fn(() => {
      if (run.mock.calls.length === 3) timer.cancel()
    })
    const timer = everyMs(30 * DAY_MS, run)
    vi.advanceTimersByTime(59 * DAY_MS)
    expect(run).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1000 * DAY_MS)
    expect(run).toHaveBeenCalledTimes(3)
  })
})

/** Counts Node's warnings of timers that are too long. */
function overflows(): () => number {
  let count = 0
  const onWarning = ({ name }: Error) => {
    if (name === 'TimeoutOverflowWarning') count++
  }
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  return () => count
}

interface Door {
  name: string
  /** Sections of the platform file. */
  platform: Record<string, unknown>
  /** Starts the long operation. */
  command: [protocol: number, id: number, ...words: number[]]
}

const DOORS: Door[] = [
  {
    name: 'latency of a clock',
    platform: {
      clocks: [{ name: 'c', rates: ['1 MHz', '2 MHz'], latency: LONG }],
      protocols: { clock: { max_pending_async: 1 } },
    },
    command: [CLOCK, 0x5, ASYNC, 0, 2e6, 0],
  },
  {
    name: 'latency of a sensor',
    platform: { sensors: [{ name: 's', type: 'celsius', value: 1, async: { latency: LONG } }] },
    command: [SENSOR, 0x6, 0, ASYNC],
  },
  {
    name: 'latency of a power domain',
    platform: { power_domains: [{ name: 'p', async: { latency: LONG } }] },
    command: [POWER, 0x4, ASYNC, 0, 0x4000_0000],
  },
  {
    name: 'latency of a voltage domain',
    platform: { voltages: [{ name: 'v', levels: ['1 V', '2 V'], async: { latency: LONG } }] },
    command: [VOLTAGE, 0x7, 0, ASYNC, 2e6],
  },
  {
    name: 'latency of a power cap',
    platform: {
      powercaps: [
        {
          name: 'w',
          unit: 'milliwatt',
          cap: 1000,
          cap_range: { min: 500, max: 2000, step: 1 },
          power: 100,
          async: { latency: LONG },
        },
      ],
    },
    command: [POWERCAP, 0x5, 0, 1 << 1, 600],
  },
  {
    name: 'time for a shutdown',
    platform: { system: { timeout: LONG } },
    command: [SYSTEM, 0x3, 1, 0],
  },
]

describe('30 days', () => {
  it.each(DOORS)('$name', async ({ platform, command }) => {
    const count = overflows()
    const path = socketPath()
    const server = await serve({
      platform: definePlatform({ vendor: 'acme', ...platform }),
      endpoint: { socketPath: path },
    })
    const guest = new Guest()
    onTestFinished(() => {
      guest.close()
      server.close()
    })
    await guest.connect(FrontEnd.connect(path))
    guest.driver.postEventBuffers(4, CAPACITY)
    const forced = vi.fn()
    if (server.platform.has(system)) server.platform.model(system).on('forced', forced)
    if (command[0] === SYSTEM) server.platform.model(system).request(SystemState.SHUTDOWN, { graceful: true })
    else expect((await guest.send(...command))[0]).toBe(0)
    await sleep(WAIT_MS)
    expect(guest.events()).toEqual([])
    expect(forced).not.toHaveBeenCalled()
    expect(count()).toBe(0)
  })

  it('the delay of a fault rule, and the time that a power request gives', async () => {
    const count = overflows()
    const { client, guest, server } = await setUp()
    await client.call('addFault', { rule: { message: 'CLOCK_RATE_GET', delay: LONG } })
    await client.call('addFault', { rule: { on: 'notification', message: 'SYSTEM_POWER_STATE_NOTIFIER', delay: LONG } })
    const forced = vi.fn()
    server.platform.model(system).on('forced', forced)
    expect(await guest.send(SYSTEM, 0x5, 1)).toEqual([0])
    await client.call('requestPower', { state: 'shutdown', timeout_ms: 30 * DAY_MS })
    guest.driver.post(new Uint8Array(Uint32Array.of((CLOCK << 10) | 0x6, 0).buffer), CAPACITY)
    guest.driver.cmdq.publish()
    const used = guest.driver.cmdq.usedIdx
    await sleep(WAIT_MS)
    expect([guest.driver.cmdq.usedIdx, guest.events()]).toEqual([used, []])
    expect(forced).not.toHaveBeenCalled()
    expect(count()).toBe(0)
  })

  it('the interval of a watch', async () => {
    const count = overflows()
    const { client, server } = await setUp()
    const { time } = server.platform
    const refresh = vi.spyOn(time, 'refresh')
    const abort = new AbortController()
    let seen = 0
    const request = { addresses: ['sensor.cpu.value'], interval_ms: 30 * DAY_MS }
    const watching = client.stream('watch', request, () => void seen++, abort.signal)
    await until(() => seen === 1, 'the first values')
    refresh.mockClear()
    await sleep(WAIT_MS)
    expect(refresh).not.toHaveBeenCalled()
    expect(count()).toBe(0)
    abort.abort()
    await watching.catch(() => undefined)
  })

  it('the time after which a driver’s holds are released', async () => {
    const count = overflows()
    const path = socketPath()
    const platform = definePlatform({ vendor: 'acme', clocks: [{ name: 'c', rate: '1 MHz' }] })
    const options = { endpoint: { socketPath: path }, platform }
    const server = await serve({ ...options, releaseAfterMs: 30 * DAY_MS })
    onTestFinished(() => server.close())
    const guest = new Guest()
    await guest.connect(FrontEnd.connect(path))
    expect(await guest.send(CLOCK, 0x7, 0, 1, 0)).toEqual([0])
    guest.close()
    await until(() => !server.device.connected, 'the front end to be gone')
    await sleep(WAIT_MS)
    expect(server.platform.model(clocks).list[0]!.enabled).toBe(true)
    expect(count()).toBe(0)
  })
})
