/** Warnings and errors of the kernel about a platform. */
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
