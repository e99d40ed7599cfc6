/** What is offered and what follows from it: feature bits, protocol features, status, acknowledgements, reconnects. */
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import type { FrontEnd } from '../../src/front-end/front-end.js'
import { Feature, ProtocolFeature, Request, Status, u64s } from '../../src/front-end/protocol.js'
import { driverOk, firstConnection } from '../../src/front-end/qemu.js'
import { sys } from '../driver/syscalls.js'
import { connected, negotiated, pattern, reversed, started } from './rig.js'

describe('features', () => {
  it('are those an SCMI device can serve, and no others', async () => {
    const { frontEnd } = await connected()
    const { P2A_CHANNELS, INDIRECT_DESC, EVENT_IDX, PROTOCOL_FEATURES, VERSION_1 } = Feature
    expect(await frontEnd.features()).toBe(P2A_CHANNELS | INDIRECT_DESC | EVENT_IDX | PROTOCOL_FEATURES | VERSION_1)
  })

  it('are without P2A_CHANNELS if there are no events', async () => {
    const { frontEnd } = await connected({ events: false })
    expect((await frontEnd.features()) & Feature.P2A_CHANNELS).toBe(0n)
  })

  it.each([
    { bit: 28, feature: Feature.INDIRECT_DESC },
    { bit: 29, feature: Feature.EVENT_IDX },
  ])('lack bit $bit if the operator removes it', async ({ bit, feature }) => {
    const { frontEnd } = await connected({ withoutFeatures: [bit] })
    const all = await (await connected()).frontEnd.features()
    expect(await frontEnd.features()).toBe(all & ~feature)
  })

  it('that are removed are not needed to answer messages', async () => {
    const rig = await started({ withoutFeatures: [28, 29] })
    const readable = [1, 3, 8]
    expect((await rig.driver.exchange(pattern(12), 12, { readable })).reply).toEqual(reversed(pattern(12)))
  })

  it('are the same on every question and every connection', async () => {
    const rig = await negotiated()
    const first = await rig.frontEnd.features()
    await rig.start()
    expect(await rig.frontEnd.features()).toBe(first)
    await rig.reconnect()
    expect(await rig.frontEnd.features()).toBe(first)
  })

  it('acknowledged are reported by features()', async () => {
    const rig = await negotiated()
    expect(rig.device.features()).toBe(0)
    for (const bits of [Feature.VERSION_1 | Feature.PROTOCOL_FEATURES, Feature.VERSION_1 | Feature.EVENT_IDX]) {
      rig.frontEnd.setFeatures(bits)
      await rig.frontEnd.sync()
      expect(rig.device.features()).toBe(Number(bits))
    }
  })

  it('are accepted on a connection that never asked for them', async () => {
    const rig = await connected()
    expect(await rig.frontEnd.acknowledge(Request.SET_FEATURES, u64s(Feature.VERSION_1))).toBe(0n)
  })

  const never = { RING_PACKED: 34, IN_ORDER: 35, RING_RESET: 40, ACCESS_PLATFORM: 33, LOG_ALL: 26, SHARED_MEMORY: 1 }
  it.each(Object.entries(never))('[features] that were never offered are refused: %s', async (_, bit) => {
    const rig = await negotiated()
    const bits = Feature.VERSION_1 | (1n << BigInt(bit))
    expect(await rig.frontEnd.acknowledge(Request.SET_FEATURES, u64s(bits))).not.toBe(0n)
    await rig.backEnd.expect(NativeEvent.REFUSED)
    expect(rig.device.features()).toBe(0)
  })

  it('that the operator removed are refused as well', async () => {
    const rig = await negotiated({ withoutFeatures: [29] })
    const bits = Feature.VERSION_1 | Feature.EVENT_IDX
    expect(await rig.frontEnd.acknowledge(Request.SET_FEATURES, u64s(bits))).not.toBe(0n)
    await rig.backEnd.expect(NativeEvent.REFUSED)
  })
})

describe('protocol features', () => {
  it('lack those that QEMU would acknowledge without acting on them', async () => {
    const { frontEnd } = await connected()
    const offer = await frontEnd.protocolFeatures()
    const { REPLY_ACK, INBAND_NOTIFICATIONS, CONFIG, CONFIGURE_MEM_SLOTS, BACKEND_REQ, LOG_SHMFD } = ProtocolFeature
    expect(offer & REPLY_ACK).toBe(REPLY_ACK)
    expect(offer & (INBAND_NOTIFICATIONS | CONFIG | CONFIGURE_MEM_SLOTS | BACKEND_REQ | LOG_SHMFD)).toBe(0n)
    expect(offer >> 20n).toBe(0n)
  })

  it('include memory slots only if the operator asks for them', async () => {
    const { frontEnd } = await connected({ memSlots: true })
    const slots = ProtocolFeature.CONFIGURE_MEM_SLOTS
    expect((await frontEnd.protocolFeatures()) & slots).toBe(slots)
  })

  it('GET_QUEUE_NUM answers at least two queues', async () => {
    const { frontEnd } = await connected()
    expect((await frontEnd.ask(Request.GET_QUEUE_NUM, 8)).getBigUint64(0, true)).toBeGreaterThanOrEqual(2n)
  })

  it('never offered are refused', async () => {
    const rig = await connected()
    const bits = u64s(ProtocolFeature.INBAND_NOTIFICATIONS)
    expect(await rig.frontEnd.acknowledge(Request.SET_PROTOCOL_FEATURES, bits)).not.toBe(0n)
    await rig.backEnd.expect(NativeEvent.REFUSED)
  })
})

describe('REPLY_ACK', () => {
  it('is sent if the flag in the message asks for it, negotiated or not', async () => {
    const rig = await connected()
    expect(await rig.frontEnd.acknowledge(Request.SET_OWNER)).toBe(0n)
    rig.frontEnd.send(Request.SET_OWNER)
    await rig.frontEnd.sync()
  })

  it('is one acknowledgement per request, in order, when many are sent at once', async () => {
    const rig = await negotiated()
    const { frontEnd } = rig
    frontEnd.send(Request.SET_FEATURES, u64s(Feature.VERSION_1), { needReply: true })
    frontEnd.send(Request.GET_FEATURES)
    frontEnd.send(Request.SET_OWNER)
    frontEnd.send(Request.SET_OWNER, undefined, { needReply: true })
    frontEnd.send(Request.GET_PROTOCOL_FEATURES, undefined, { needReply: true })
    frontEnd.send(Request.SET_FEATURES, u64s(1n << 34n), { needReply: true })
    frontEnd.send(Request.GET_QUEUE_NUM)
    const order = [
      Request.SET_FEATURES,
      Request.GET_FEATURES,
      Request.SET_OWNER,
      Request.GET_PROTOCOL_FEATURES,
      Request.SET_FEATURES,
      Request.GET_QUEUE_NUM,
    ]
    for (const request of order) await frontEnd.reply(request, 8)
    await rig.backEnd.expect(NativeEvent.REFUSED)
  })
})

describe('STATUS', () => {
  const status = async (frontEnd: FrontEnd) => (await frontEnd.ask(Request.GET_STATUS, 8)).getBigUint64(0, true)

  it('is read back as it was set, and is 0 before', async () => {
    const { frontEnd } = await negotiated()
    expect(await status(frontEnd)).toBe(0n)
    expect(await frontEnd.acknowledge(Request.SET_STATUS, u64s(Status.FEATURES_OK))).toBe(0n)
    expect(await status(frontEnd)).toBe(BigInt(Status.FEATURES_OK))
  })

  it('never gates the rings: they run without DRIVER_OK, which QEMU does not send', async () => {
    const rig = await started()
    expect((await status(rig.frontEnd)) & BigInt(Status.DRIVER_OK)).toBe(0n)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('is 0 again on a new connection', async () => {
    const rig = await started()
    await rig.reconnect()
    expect(await status(rig.frontEnd)).toBe(0n)
  })
})

describe('RESET_DEVICE', () => {
  it('stops both rings, and the device starts again', async () => {
    const rig = await started()
    await rig.driver.exchange(pattern(8), 8)
    expect(await rig.frontEnd.acknowledge(Request.RESET_DEVICE)).toBe(0n)
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    rig.driver.cmdq.kickNow()
    await rig.frontEnd.sync()
    expect(rig.driver.cmdq.usedIdx).toBe(1)
    expect(rig.device.peekEvent()).toBe(-1)
    sys.readEvent(rig.driver.cmdq.kick)
    rig.driver.reset()
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('a reconnect', () => {
  it('to a new process that never negotiated begins with SET_VRING_CALL, and loses nothing', async () => {
    const first = await started()
    for (let i = 0; i < 5; i++) await first.driver.exchange(pattern(8, i), 8)
    const { memory, driver } = first
    first.frontEnd.close()
    await first.backEnd.seen(NativeEvent.DISCONNECTED)
    const second = await connected()
    await driverOk(second.frontEnd, {
      features: first.features,
      protocolFeatures: first.protocolFeatures,
      memory,
      queues: driver.queues,
      bases: driver.queues.map(queue => queue.usedIdx),
    })
    expect((await driver.exchange(pattern(8, 7), 8)).reply).toEqual(reversed(pattern(8, 7)))
    expect(second.backEnd.batches).toEqual([1])
  })

  it('to the same process keeps nothing of the old session but the offered features', async () => {
    const rig = await started()
    await rig.driver.exchange(pattern(8), 8)
    await rig.reconnect()
    expect(rig.device.features()).toBe(0)
    const offer = await firstConnection(rig.frontEnd, rig.driver.queues)
    expect(offer.protocolFeatures).toBe(rig.protocolFeatures)
    await rig.start({ bases: rig.driver.queues.map(queue => queue.usedIdx) })
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('at used.idx repeats messages that were taken but not used', async () => {
    const rig = await started()
    for (let i = 0; i < 3; i++) await rig.driver.exchange(pattern(8, i), 8)
    await rig.frontEnd.enable(0, false)
    for (let i = 3; i < 6; i++) rig.driver.post(pattern(8, i), 8)
    rig.driver.cmdq.publish()
    await rig.reconnect()
    await rig.start({ bases: rig.driver.queues.map(queue => queue.usedIdx) })
    for (const [i, used] of (await rig.driver.cmdq.collect(3)).entries()) {
      expect(rig.driver.answer(used).reply).toEqual(reversed(pattern(8, 3 + i)))
    }
  })

  it('while the guest is not running sends nothing until DRIVER_OK', async () => {
    const rig = await negotiated()
    await rig.reconnect()
    await rig.backEnd.seen(NativeEvent.CONNECTED, 2)
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})
