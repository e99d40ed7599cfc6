/** A served platform under full traffic: how often JavaScript calls native code, and that nobody else has to wait. */
import { expect, onTestFinished, test } from 'vitest'
import { BATCH_MAX, type NativeDevice } from '../../src/device/native.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { CLOCK, setUp } from '../control/rig.js'
import { Guest } from '../driver/guest.js'
import { startStorm } from '../driver/storm.js'
import { expectAllRight, RATE_GET, READS, RING, served } from './served.js'

test('native code is entered once a batch, and no method of the device is called for a message', async () => {
  const { server, round } = await served()
  await round(1)
  const calls = countCalls(server.device.native)
  const { time } = server.platform
  let batches = 0
  let nowUs = time.nowUs
  // Set at the start of a batch, and at no other time here.
  Object.defineProperty(time, 'nowUs', {
    get: () => nowUs,
    set: us => {
      batches++
      nowUs = us
    },
  })
  const perRound: number[] = []
  for (let rounds = 0; rounds < 100; rounds++) {
    batches = 0
    await round(1)
    perRound.push(batches)
  }
  // If another process had the CPU, messages seemed to take long and the next batch is shorter. So it is the quietest
  // round that counts; no round can have fewer batches.
  expect(Math.min(...perRound)).toBe(RING / BATCH_MAX)
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

test('a guest that never stops sending starves neither timers, nor another guest, nor the sockets of both', {
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
    await until(() => answered() > messages, 'more messages of the busy guest')
  }
  expect(server.stats().map(({ ringFaults, internalErrors }) => [ringFaults, internalErrors])).toEqual([
    [0, 0],
    [0, 0],
  ])
})
