/** Warnings and errors of the kernel about a platform, and errors that its device counted. */
import { expect } from 'vitest'
import type { Guest } from '../../qemu/guest/guest.js'
import { scmiLog } from '../../qemu/guest/view.js'

/** Level of warnings; errors and worse are below. */
const WARNING = 4

/**
 * Not a complaint: the interrupts of the two queues are not ordered, so a guest without CPU time may see a delayed response
 * before the reply, and logs that.
 */
const OVERTAKEN = /Received valid OoO Delayed Response/

/** Warnings and errors about SCMI in the guest's log. */
export async function complaints(guest: Guest): Promise<string[]> {
  const log = await scmiLog(guest)
  return log.filter(({ level, text }) => level <= WARNING && !OVERTAKEN.test(text)).map(({ text }) => text)
}

/** Checks that Linux has no complaints, but for `known` ones, and that the device has counted no errors. */
export async function expectNoFault(guest: Guest, known = /^$/): Promise<void> {
  expect((await complaints(guest)).filter(text => !known.test(text))).toEqual([])
  const none = { internalErrors: 0, unanswerable: 0, unknownProtocol: 0, notificationsDropped: 0 }
  expect(guest.server!.device.stats()).toMatchObject(none)
}
