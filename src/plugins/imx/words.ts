/** Lists in requests: a count, and as many entries. Padding may follow. */
import type { RequestReader } from '../../wire/message.js'

/** Reads a count and the words of as many entries, of `size` words each. Undefined if the request has fewer. */
export function countedWords(request: RequestReader, size = 1): number[] | undefined {
  const count = request.u32()
  if (request.left < count * size * 4) return undefined
  return Array.from({ length: count * size }, () => request.u32())
}
