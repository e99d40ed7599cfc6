/** Guests and front ends that take shared memory away while it is in use: everything goes on by message, and comes back with it. */
import { ftruncateSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT, type RegionSpec } from '../../src/front-end/memory.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { Guest } from '../driver/guest.js'
import { guestOf } from '../native/guest-of.js'

const [PERF, TELEMETRY] = [0x13, 0x1b]
const [LEVEL_SET, LEVEL_GET, DESCRIBE] = [0x7, 0x8, 0xb]
const DE_CONFIGURE = 0x6
const NOT_SUPPORTED = -1
/** How often the region goes, which the log would tell each time if it were not limited. */
const ROUNDS = 100
const RAM: RegionSpec = FLAT
const SHARED: RegionSpec = { guest: 0x5000_0000, size: 0x4000, file: 1 }

const platform = definePlatform({
  vendor: 'acme',
  shared_memory: { address: SHARED.guest, size: SHARED.size },
  perf_domains: [
    {
      name: 'cpu',
      levels: [600, 1200, 1800].map(level => ({ level, power: level })),
      sustained_frequency: '1800 MHz',
      fast_channels: true,
    },
  ],
  telemetry: {
    enabled: true,
    update_intervals: ['1 ms'],
    events: [{ id: 1, name: 'answered', value: { messages: 'answered' }, enabled: true }],
  },
})

async function connected(memory: readonly RegionSpec[] = [RAM, SHARED]) {
  const { server, guest, lines, path } = await guestOf(platform, { guest: { memory, sealed: false } })
  const cpu = server.platform.model(perfDomains).named('cpu')
  const answersLevel = async () => expect((await guest.send(PERF, LEVEL_GET, 0))[0]).toBe(0)
  return { server, guest, cpu, lines, path, answersLevel }
}

async function describeChannel(guest: Guest) {
  const [status, , , channel, , , doorbell] = await guest.send(PERF, DESCRIBE, 0, LEVEL_SET)
  return { status, channel: channel! >>> 0, doorbell: doorbell! >>> 0 }
}

const share = (guest: Guest, count: number) =>
  guest.frontEnd!.setMemoryTable(guest.memory.regions.slice(0, count), guest.memory.fds.slice(0, count))

describe('shared memory', () => {
  it('that the front end takes away and gives back, again and again, while the guest writes to it', async () => {
    const { server, guest, cpu, lines, answersLevel } = await connected()
    const { status, channel, doorbell } = await describeChannel(guest)
    expect(status).toBe(0)
    expect((await guest.send(TELEMETRY, DE_CONFIGURE, 1, 1))[0]).toBe(0)
    const all = guest.memory.view(SHARED.guest, SHARED.size)
    const write = (level: number) => {
      guest.memory.view(channel, 4).setUint32(0, level, true)
      guest.memory.view(doorbell, 1).setUint8(0, 1)
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < all.byteLength; i += 7) all.setUint8(i, (i + round) & 0xff)
      await share(guest, 1)
      await answersLevel()
      if (round === 0) expect((await describeChannel(guest)).status).toBe(NOT_SUPPORTED)
      write(1200)
      await share(guest, 2)
      await answersLevel()
    }
    for (const level of [600, 1800]) {
      write(level)
      await until(() => cpu.level.level === level, 'the platform has noticed')
    }
    expect(server.device.stats()).toMatchObject({ internalErrors: 0, ringFaults: 0 })
    expect(lines.filter(line => line.includes('shared memory')).length).toBeLessThan(ROUNDS / 2)
  })

  it('whose file the front end truncates stops the rings, and the next driver finds all as it should be', async () => {
    const { server, guest, lines, path } = await connected()
    expect((await describeChannel(guest)).status).toBe(0)
    ftruncateSync(guest.memory.regions[1]!.fd, 0)
    await until(() => server.device.stats().ringFaults === 2, 'both rings to stop')
    expect(lines[0]).toMatch(/a file behind guest memory was truncated/)
    guest.disconnect()
    await until(() => !server.device.connected, 'the front end to be gone')
    const other = new Guest({ memory: [RAM, SHARED] })
    onTestFinished(() => other.close())
    await other.connect(FrontEnd.connect(path))
    expect((await describeChannel(other)).status).toBe(0)
  })

  it('that lies in two regions side by side is told, and everything goes by message', async () => {
    const half = SHARED.size / 2
    const { guest, lines, answersLevel } = await connected([
      RAM,
      { ...SHARED, size: half },
      { guest: SHARED.guest + half, size: half, file: 2 },
    ])
    expect((await describeChannel(guest)).status).toBe(NOT_SUPPORTED)
    await answersLevel()
    expect(lines.join('\n')).toMatch(/shared memory 0x50000000-0x50003fff lies in two regions of the guest/)
  })

  describe('whose driver has stopped', () => {
    const PATTERN = 0x5a
    const updates = () => new Promise(done => setTimeout(done, 30))
    const bytesOf = ({ memory }: Guest) => {
      const { buffer, byteOffset, byteLength } = memory.view(SHARED.guest, SHARED.size)
      return new Uint8Array(buffer, byteOffset, byteLength)
    }
    const isUntouched = (guest: Guest) => bytesOf(guest).every(byte => byte === PATTERN)

    /** Channels and telemetry are in use, then the rings stop, and the memory has other contents. */
    async function stopped() {
      const site = await connected()
      const { guest } = site
      const described = await describeChannel(guest)
      expect(described.status).toBe(0)
      expect((await guest.send(TELEMETRY, DE_CONFIGURE, 1, 1))[0]).toBe(0)
      const bases = [await guest.frontEnd!.getBase(0), await guest.frontEnd!.getBase(1)]
      bytesOf(guest).fill(PATTERN)
      return { ...site, described, bases }
    }

    it('is left alone until the next driver asks for an address: its kernel may not have reserved it', async () => {
      const { server, guest, cpu } = await stopped()
      const { level } = cpu
      await updates()
      expect(isUntouched(guest)).toBe(true)
      await share(guest, 2)
      await updates()
      expect(isUntouched(guest)).toBe(true)
      guest.driver.reset()
      await guest.start(guest.frontEnd!)
      await guest.send(PERF, LEVEL_GET, 0)
      await updates()
      expect(isUntouched(guest)).toBe(true)
      expect(cpu.level).toBe(level)
      expect((await describeChannel(guest)).status).toBe(0)
      expect(isUntouched(guest)).toBe(false)
      expect(server.device.stats()).toMatchObject({ internalErrors: 0 })
    })

    it('is filled again for a driver that goes on, and its doorbells are heard', async () => {
      const { guest, cpu, described, bases } = await stopped()
      bytesOf(guest).fill(0)
      await guest.start(guest.frontEnd!, 0n, bases)
      const level = () => guest.memory.view(described.channel, 4)
      level().setUint32(0, 600, true)
      guest.memory.view(described.doorbell, 1).setUint8(0, 1)
      await until(() => cpu.level.level === 600, 'the platform has noticed')
      expect(
        bytesOf(guest)
          .subarray(0x1000)
          .some(byte => byte !== 0),
      ).toBe(true)
    })
  })
})
