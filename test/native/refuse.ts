/** Shared by tests of hostile front ends: a refusal, and a check that everything still works. */
import { expect } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import { pattern, type Rig, reversed } from './rig.js'

/** Sends a request that must be refused, and checks that the session goes on. */
export async function refuse(
  rig: Rig,
  request: number,
  payload: Uint8Array,
  fds: readonly number[] = [],
): Promise<string> {
  expect(await rig.frontEnd.acknowledge(request, payload, fds)).not.toBe(0n)
  await rig.frontEnd.sync()
  return (await rig.backEnd.expect(NativeEvent.REFUSED)).text
}

/** Checks that a guest can still start and is answered. */
export async function stillServed(rig: Rig): Promise<void> {
  for (const queue of rig.driver.queues) await rig.frontEnd.getBase(queue.index)
  rig.driver.reset()
  await rig.start()
  expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
}
