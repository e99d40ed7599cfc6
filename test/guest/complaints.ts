/** What the kernel has to complain about in a platform. */
import type { Guest } from '../../qemu/guest/guest.js'
import { scmiLog } from '../../qemu/guest/view.js'

/** Level of warnings; errors and worse are below. */
const WARNING = 4

/**
 * No complaint: a response and its delayed response come through two queues, whose interrupts have no order. A guest that
 * has had no processor for as long as the platform took may see the second one first, and says so.
 */
const OVERTAKEN = /Received valid OoO Delayed Response/

/** Warnings and errors about SCMI in the guest's log. */
export async function complaints(guest: Guest): Promise<string[]> {
  const log = await scmiLog(guest)
  return log.filter(({ level, text }) => level <= WARNING && !OVERTAKEN.test(text)).map(({ text }) => text)
}
