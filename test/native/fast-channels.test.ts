/** A guest that uses fast channels of a served platform: writes to its own memory, and no messages. */
import { describe, expect, it } from 'vitest'
import { FLAT } from '../../src/front-end/memory.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { MessageDecoder, messageText } from '../../src/observe/messages.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { guestOf } from './guest-of.js'

const PERF = 0x13
const [LEVEL_SET, LEVEL_GET, DESCRIBE] = [0x7, 0x8, 0xb]
const AT = FLAT.guest + (2 << 20)

const platform = definePlatform({
  vendor: 'acme',
  shared_memory: { address: AT, size: 0x1000 },
  perf_domains: [
    {
      name: 'cpu',
      levels: [600, 1200, 1800].map(level => ({ level, power: level })),
      sustained_frequency: '1800 MHz',
      fast_channels: true,
    },
  ],
})

async function guestWithChannels() {
  const { server, guest, lines } = await guestOf(platform)
  const seen: string[] = []
  const decoder = new MessageDecoder(server.protocols)
  server.tap.listen(records => {
    while (records.next()) seen.push(messageText(decoder.record(records)!))
  })
  const cpu = server.platform.model(perfDomains).named('cpu')
  const describeChannel = async (messageId: number) => {
    const [status, , , channel, , , doorbell] = await guest.send(PERF, DESCRIBE, 0, messageId)
    expect(status).toBe(0)
    return { channel: channel! >>> 0, doorbell: doorbell! >>> 0 }
  }
  const set = await describeChannel(LEVEL_SET)
  const get = await describeChannel(LEVEL_GET)
  const writeLevel = (level: number) => {
    guest.memory.view(set.channel, 4).setUint32(0, level, true)
    guest.memory.view(set.doorbell, 1).setUint8(0, 1)
  }
  const readLevel = () => guest.memory.view(get.channel, 4).getUint32(0, true)
  return { server, guest, cpu, lines, seen, set, writeLevel, readLevel }
}

describe('a guest', () => {
  it('sets a level without a message, and reads what it became', async () => {
    const { server, guest, cpu, writeLevel, readLevel, seen, set } = await guestWithChannels()
    expect(readLevel()).toBe(1800)
    const { messages } = server.device.stats()
    writeLevel(600)
    await until(() => cpu.level.level === 600, 'the platform has noticed')
    expect([readLevel(), guest.memory.view(set.doorbell, 1).getUint8(0)]).toEqual([600, 0])
    expect(server.device.stats().messages).toBe(messages)
    server.tap.flush()
    expect(seen.at(-1)).toBe('fast channel perf PERFORMANCE_LEVEL_SET {domain_id: 0, performance_level: 600} → SUCCESS')
    const perf = server.device.stats().protocols.find(({ name }) => name === 'perf')!
    expect(perf.messages.find(({ id }) => id === LEVEL_SET)).toMatchObject({
      succeeded: 0,
      fastChannel: { SUCCESS: 1 },
    })
  })

  it('gets its own write back in the next answer, however soon it asks', async () => {
    const { guest, writeLevel } = await guestWithChannels()
    for (const level of [600, 1200, 1800, 600]) {
      writeLevel(level)
      expect(await guest.send(PERF, LEVEL_GET, 0)).toEqual([0, level])
    }
  })

  it('that writes what is no level changes nothing, and is told in the log', async () => {
    const { server, cpu, writeLevel, readLevel, lines } = await guestWithChannels()
    const refused = () => server.device.agent.protocols[PERF]!.counts.channelStatuses(LEVEL_SET)
    for (const [i, level] of [0, 9999, 0xffff_ffff].entries()) {
      writeLevel(level)
      await until(() => refused()[0]?.count === i + 1, 'the write was refused')
      expect([cpu.level.level, readLevel()]).toEqual([1800, 1800])
    }
    expect(lines[1]).toBe('PERFORMANCE_LEVEL_SET of cpu by fast channel: 9999 was refused: OUT_OF_RANGE')
  })

  it('that scribbles over its doorbells and channels only has refused writes', async () => {
    const { server, guest, cpu } = await guestWithChannels()
    const all = guest.memory.view(AT, 0x1000)
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 0x1000; i++) all.setUint8(i, (i * 7 + round * 13 + 1) & 0xff)
      expect((await guest.send(PERF, LEVEL_GET, 0))[0]).toBe(0)
    }
    expect([600, 1200, 1800]).toContain(cpu.level.level)
    expect(server.device.stats()).toMatchObject({ internalErrors: 0, ringFaults: 0 })
  })

  it('that is reset is not looked at any more', async () => {
    const { server, cpu, writeLevel } = await guestWithChannels()
    expect(server.device.agent.shared!.watched).toBe(true)
    server.device.forgetDriver()
    expect(server.device.agent.shared!.watched).toBe(false)
    writeLevel(600)
    await new Promise(done => setTimeout(done, 20))
    expect(cpu.level.level).toBe(1800)
  })
})
