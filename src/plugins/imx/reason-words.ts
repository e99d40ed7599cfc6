/** Boot and shutdown reasons on the wire, in the replies of LMM_RESET_REASON and MISC_RESET_REASON. */
import { type Fields, list, u32 } from '../../wire/fields.js'
import type { MessageWriter } from '../../wire/message.js'
import type { Reason, Reasons } from './reasons.js'

const VALID = 2 ** 31
const EXTENDED_SHIFT = 29
const ORIGIN_VALID = 1 << 28
const ORIGIN_SHIFT = 24
const ERROR_VALID = 1 << 23
const ERROR_SHIFT = 8

export const REASON_REPLY: Fields = [
  u32('boot_flags'),
  u32('shutdown_flags'),
  list('ext_info', [u32('word')], v => (Number(v.shutdown_flags) >>> EXTENDED_SHIFT) & 0x3),
]

/** `reason` without the length of its extended information. */
function flagsOf({ reason, origin, error }: Reason): number {
  let flags = VALID + reason
  if (origin !== undefined) flags += ORIGIN_VALID + (origin << ORIGIN_SHIFT)
  if (error !== undefined) flags += ERROR_VALID + (error << ERROR_SHIFT)
  return flags
}

export function writeReasons(reply: MessageWriter, { boot, shutdown }: Reasons): void {
  const extended = shutdown?.extended ?? []
  reply.u32(boot ? flagsOf(boot) : 0)
  reply.u32(shutdown ? flagsOf(shutdown) + extended.length * 2 ** EXTENDED_SHIFT : 0)
  for (const word of extended) reply.u32(word)
}
