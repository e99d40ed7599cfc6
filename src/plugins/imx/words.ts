/** Lists that requests carry: a count, and as many entries. What follows them is padding. */
import type { RequestReader } from '../../wire/message.js'

/** The words of as many entries as the request says next, of `size` words each; undefined if there are fewer. */
export function countedWords(request: RequestReader, size = 1): number[] | undefined {
  const count = request.u32()
  if (request.left < count * size * 4) return undefined
  return Array.from({ length: count * size }, () => request.u32())
}
