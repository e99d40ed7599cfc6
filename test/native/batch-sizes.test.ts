/** How many messages a batch has while the driver is still sending: few, so that a driver that sleeps is answered early. */
import { expect, it } from 'vitest'
import { until } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { pattern, type Rig } from './rig.js'
import { running, signalsFor } from './running.js'

/** While the device polls the ring, another process makes 24 messages available. Returns the sizes of the batches. */
async function foundSending(rig: Rig): Promise<number[]> {
  const { driver, backEnd, memory } = rig
  const { cmdq } = driver
  await signalsFor(rig, 1)
  const before = backEnd.batches.length
  for (let i = 0; i < 24; i++) driver.post(pattern(8), 8)
  const header = ((cmdq.nextAvailable << 16) | cmdq.available[0]!) >>> 0
  const child = sys.forkFlip(memory.words32(cmdq.at.available, 1), 0, header, header)
  await until(() => cmdq.usedIdx === cmdq.nextAvailable, 'the messages to be used')
  sys.killChild(child)
  for (const used of cmdq.takeAll()) driver.answer(used)
  return backEnd.batches.slice(before)
}

// The machine decides whether polling finds the messages one by one or all at once. So the test counts the rounds
// whose batches begin small, which is bounded on any machine.
// Again: what the device polls depends on time, which a busy machine stretches. Sanitizers stretch it always, so that this
// file is not among the tests that run with them.
it('a driver that is polled while it sends gets batches that begin small, until it has asked for no signals for long', {
  retry: 2,
}, async () => {
  const rig = await running({ pollUs: 1_000_000 })
  let sizes: number[] = []
  for (let i = 0; i < 500 && !beginSmall(sizes); i++) sizes = await foundSending(rig)
  expect(sizes).toSatisfy(beginSmall)
  rig.driver.cmdq.disableSignals()
  let small = 0
  for (let i = 0; i < 200; i++) small += beginSmall(await foundSending(rig)) ? 1 : 0
  expect(small).toBeLessThanOrEqual(64)
})

/** Four messages, then up to four times as many: messages that took long, as on a busy machine, make shorter batches. */
const beginSmall = ([first, second = 0]: number[]): boolean => first === 4 && second > 4 && second <= 16
