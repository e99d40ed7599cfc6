/** The part of a guest's log that belongs to a failure: the reports in full, else the lines since the last step. */
import { findSplats } from './splats.js'

/** Lines of context before it, and lines in total. */
const BEFORE = 15
const AT_MOST = 120
const SPLATS_AT_MOST = 400
const STEP_MARK = / lab: /

export function logAround(console: string): string[] {
  const lines = console.trimEnd().split('\n')
  const splats = findSplats(lines)
  if (splats.length)
    return lines.slice(Math.max(0, splats[0]!.start - BEFORE), splats.at(-1)!.end).slice(0, SPLATS_AT_MOST)
  const step = lines.findLastIndex(line => STEP_MARK.test(line))
  return lines.slice(step < 0 ? -2 * BEFORE : Math.max(0, step - BEFORE)).slice(-AT_MOST)
}
