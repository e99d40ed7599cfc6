/** Fault rules with counts of a million and more: the work is interleaved with other work, and memory stays bounded. */
import { expect, it, onTestFinished } from 'vitest'
import { COPIES_MAX } from '../../src/faults/storms.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { turns, until } from '../../src/front-end/wait.js'
import { CLOCK, type ControlRig, setUp } from '../control/rig.js'
import { Guest } from '../driver/guest.js'

const RATE_GET = 0x6
const MILLION = 1_000_000
const NOTIFY = { protocol: 'clock', message: 'CLOCK_RATE_CHANGED', fields: { agent_id: 0, clock_id: 0, rate: 1 } }

/** Copies that were sent, dropped, or wait for buffers. */
function handled({ server }: Pick<ControlRig, 'server'>): number {
  const [stats] = server.stats()
  return stats!.notificationsSent + stats!.notificationsDropped + stats!.notificationsWaiting
}

/** Checks that the guest, another one and the control socket are served while copies are left. */
async function expectServed(rig: ControlRig, copies: number): Promise<void> {
  const other = new Guest()
  onTestFinished(() => other.close())
  await other.connect(FrontEnd.connect(`${rig.folder}/rtos`))
  for (let i = 0; i < 20; i++) {
    const before = handled(rig)
    expect(await rig.guest.send(CLOCK, RATE_GET, 1)).toEqual([0, 24e6, 0])
    expect(await other.send(CLOCK, RATE_GET, 0)).toEqual([0, 24e6, 0])
    if (i % 5 === 0) await rig.client.call('describeAgent', {})
    expect(handled(rig)).toBeGreaterThan(before)
  }
  expect(handled(rig)).toBeLessThan(copies / 2)
}

it('a notification, a million times', async () => {
  const rig = await setUp()
  await rig.client.call('notify', { ...NOTIFY, count: MILLION })
  await expectServed(rig, MILLION)
})

it('a rule that duplicates a reply a million times', async () => {
  const rig = await setUp()
  await rig.client.call('addFault', { rule: { message: 'CLOCK_RATE_GET', times: 1, duplicate: MILLION } })
  expect(await rig.guest.send(CLOCK, RATE_GET, 1)).toEqual([0, 24e6, 0])
  await expectServed(rig, MILLION)
})

it('a storm that is behind its rate catches up in portions', async () => {
  const rig = await setUp()
  rig.server.faults.send({ ...NOTIFY, count: MILLION, rate: MILLION })
  await turns(2)
  const before = handled(rig)
  const blocked = performance.now() + 300
  while (performance.now() < blocked);
  await turns(20)
  // 300,000 are due.
  expect(handled(rig) - before).toBeLessThan(100_000)
})

it('all of them arrive or are counted, in the end', async () => {
  const rig = await setUp()
  const COUNT = 10_000
  for (let i = 0; i < 2; i++) await rig.client.call('notify', { ...NOTIFY, count: COUNT })
  await until(() => handled(rig) === 2 * COUNT, 'all copies')
  await turns()
  expect(handled(rig)).toBe(2 * COUNT)
})

it('waiting copies beyond a million are dropped at once, and counted', async () => {
  const rig = await setUp()
  const { faults } = rig.server
  for (let i = 0; i < 10; i++) faults.send({ ...NOTIFY, count: MILLION })
  const dropped = rig.server.stats()[0]!.notificationsDropped
  expect(dropped).toBeGreaterThanOrEqual(10 * MILLION - COPIES_MAX - 1000)
  expect(dropped).toBeLessThanOrEqual(10 * MILLION - COPIES_MAX)
})

it('copies end with the driver that they are for', async () => {
  const rig = await setUp()
  rig.server.faults.send({ ...NOTIFY, count: MILLION })
  await turns(3)
  rig.guest.disconnect()
  await until(() => !rig.server.devices[0]!.connected, 'the front end to be gone')
  rig.server.devices[0]!.forgetDriver()
  const left = handled(rig)
  expect(left).toBeLessThan(MILLION / 2)
  await turns(20)
  expect(handled(rig)).toBe(left)
})

it.each([
  [{ ...NOTIFY, count: MILLION + 1 }, /count.*1000000/],
  [{ ...NOTIFY, count: 0xffff_ffff }, /count.*1000000/],
])('a count beyond the limit is refused, and the error names the limit', async (request, limit) => {
  const rig = await setUp()
  await expect(rig.client.call('notify', request)).rejects.toThrow(limit)
  const { count: duplicate } = request
  const rule = { message: 'CLOCK_RATE_GET', duplicate }
  await expect(rig.client.call('addFault', { rule })).rejects.toThrow(/duplicate.*1000000/)
})
