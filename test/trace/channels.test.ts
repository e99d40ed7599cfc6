/** Traces of a guest that uses shared memory: what it writes to fast channels is in them, and is acted on again by replays. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { FLAT } from '../../src/front-end/memory.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { readTrace, type TracedMessage } from '../../src/trace/reader.js'
import { replay } from '../../src/trace/replay.js'
import type { Values } from '../../src/wire/fields.js'
import { served } from './served.js'

const [PERF, TELEMETRY] = [0x13, 0x1b]
const [DOMAIN_ATTRIBUTES, LEVEL_SET, LEVEL_GET, DESCRIBE] = [0x3, 0x7, 0x8, 0xb]
const LIST_SHMTI = 0x3
const ALL = { ignored: new Set<string>() }

const boardWith = (address: number) => ({
  vendor: 'acme',
  shared_memory: { address, size: 0x10000 },
  perf_domains: [
    {
      name: 'cpu',
      levels: [600, 1200, 1800].map(level => ({ level, power: level })),
      sustained_frequency: '1800 MHz',
      fast_channels: true,
    },
  ],
  telemetry: { events: [{ id: 1, name: 'power', value: { power_of: 'cpu' } }] },
})
const IN_RAM = FLAT.guest + (2 << 20)
const BEYOND_RAM = 0x7000_0000

/** What a guest asks of the shared memory, and its answers. */
async function tracedGuest(address: number, use: (all: Awaited<ReturnType<typeof served>>) => Promise<void>) {
  const platform = definePlatform(boardWith(address))
  const all = await served({ platform })
  const path = join(all.folder, 'trace')
  const trace = await all.server.startTrace(path)
  await use(all)
  await trace.stop()
  return { path, folder: all.folder }
}

it('has writes to channels, which a replay acts on again, and says what differs on another platform', async () => {
  const { path, folder } = await tracedGuest(IN_RAM, async ({ server, guest }) => {
    const cpu = server.platform.model(perfDomains).named('cpu')
    const [status, , , channel, , , doorbell] = await guest.send(PERF, DESCRIBE, 0, LEVEL_SET)
    expect(status).toBe(0)
    for (const level of [600, 9999, 1200]) {
      const before = server.device.agent.protocols[PERF]!.counts.channelStatuses(LEVEL_SET)
      guest.memory.view(channel!, 4).setUint32(0, level, true)
      guest.memory.view(doorbell!, 1).setUint8(0, 1)
      const seen = () => JSON.stringify(server.device.agent.protocols[PERF]!.counts.channelStatuses(LEVEL_SET))
      await until(() => seen() !== JSON.stringify(before), `the write of ${level} was seen`)
      expect(await guest.send(PERF, LEVEL_GET, 0)).toEqual([0, cpu.level.level])
    }
    expect((await guest.send(TELEMETRY, LIST_SHMTI, 0))[0]).toBe(0)
  })
  const recording = readTrace(path)
  const writes = recording.events.filter(
    (event): event is TracedMessage => event.what === 'message' && event.kind === 'fast channel',
  )
  expect(writes.map(({ request, status }) => [(request as Values).performance_level, status])).toEqual([
    [600, 'SUCCESS'],
    [9999, 'OUT_OF_RANGE'],
    [1200, 'SUCCESS'],
  ])
  expect(await replay(recording, ALL)).toEqual({ commands: 5, events: 3, skipped: 0, differences: [] })

  const other = boardWith(IN_RAM)
  other.perf_domains[0]!.levels.splice(0, 1)
  const file = join(folder, 'other.json')
  writeFileSync(file, JSON.stringify(other))
  const { differences } = await replay(recording, { ...ALL, platform: file })
  // The write of 600 is refused there, and the level that is read after it is another one.
  expect(differences.map(({ traced, fields }) => [traced?.message, fields])).toEqual([
    ['PERFORMANCE_LEVEL_SET', ['status']],
    ['PERFORMANCE_LEVEL_GET', ['performance_level']],
    ['PERFORMANCE_LEVEL_GET', ['performance_level']],
  ])
})

it('of a guest without the shared memory is replayed without it', async () => {
  const { path } = await tracedGuest(BEYOND_RAM, async ({ guest }) => {
    expect((await guest.send(PERF, DOMAIN_ATTRIBUTES, 0))[0]).toBe(0)
    expect((await guest.send(PERF, DESCRIBE, 0, LEVEL_SET))[0]).not.toBe(0)
    expect((await guest.send(TELEMETRY, LIST_SHMTI, 0))[0]).not.toBe(0)
  })
  expect(await replay(readTrace(path), ALL)).toEqual({ commands: 3, events: 0, skipped: 0, differences: [] })
})
