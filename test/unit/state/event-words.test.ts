/** Waiting delayed responses are saved, whatever their words are. */
import { expect, test } from 'vitest'
import { EventQueue } from '../../../src/device/event-queue.js'
import type { NativeDevice } from '../../../src/device/native.js'
import { DENIED } from '../../../src/wire/status.js'

/** A driver that offers no buffers. */
const native = { peekEvent: () => -1 } as unknown as NativeDevice
const createQueue = () => new EventQueue(native, () => new DataView(new ArrayBuffer(0)))

test('a delayed response with a negative status is saved', () => {
  const queue = createQueue()
  queue.respondLater(0x1234, [DENIED])
  const next = createQueue()
  next.restore(queue.save())
  expect(next.save()).toEqual([null, [[0x1234, DENIED >>> 0]]])
})
