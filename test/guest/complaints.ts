/** Warnings and errors of the kernel about a platform. */
import type { Guest } from '../../qemu/guest/guest.js'
import { scmiLog } from '../../qemu/guest/view.js'

/** Level of warnings; errors and worse are below. */
const WARNING = 4

/**
 * Not a complaint: response and delayed response come through two queues, whose interrupts are not ordered. A guest that got
 * no CPU time meanwhile may see the delayed response first, and logs that.
 */
const OVERTAKEN = /Received valid OoO Delayed Response/

/** Warnings and errors about SCMI in the guest's log. */
export async function complaints(guest: Guest): Promise<string[]> {
  const log = await scmiLog(guest)
  return log.filter(({ level, text }) => level <= WARNING && !OVERTAKEN.test(text)).map(({ text }) => text)
}
