/**
 * Device tree source of the user's own, merged into the lab's tree: overlay source, in which `/ { … };` and `&label { … };`
 * add to nodes that are there. dtc's errors about it name the user's file and line.
 */
import { LabError } from '../support/errors.js'
import { readFileText } from '../support/given-file.js'

/** One file of the user's. */
export interface GivenSource {
  /** As the user named it; for errors. */
  file: string
  text: string
}

const BYTES_MAX = 1_000_000
/** What begins a file of its own: it may not stand in the middle of the merged source, and says nothing about the tree. */
const HEADERS = /\/(dts-v1|plugin)\/\s*;/g
/** What would read other files, whose changes the cache of device trees does not see. */
const OTHER_FILES = /\/(?:include|incbin)\/|^[ \t]*#[ \t]*(?:include|define|if|ifdef|ifndef)\b/m
/** Strings and comments, in which the above means nothing. */
const INERT = /"(?:\\.|[^"\\])*"|\/\*[\s\S]*?\*\/|\/\/.*/g
/** The name of the n-th file for dtc: user's names may have characters that dtc does not take. */
const alias = (index: number): string => `given-${index}`
/** `given-0:3.5-12` or `given-0:3.5-4.1`, in messages of dtc. */
const POSITION = /\bgiven-(\d+):(\d+)\.(\d+)[-.\d]*/
/** What dtc says before and after a position. */
const PROBLEM = /^(?:.*?: ERROR \(\w+\): |Error: \S+ )(.+)$/m

/** Reads overlay source. Throws LabError if it can't be read, or needs other files. */
export function readGivenSource(file: string): GivenSource {
  const text = readFileText(file, BYTES_MAX, '--dts ')
  const blank = (found: string) => found.replaceAll(/[^\n]/g, ' ')
  const other = OTHER_FILES.exec(text.replaceAll(INERT, blank))
  if (other) {
    const line = text.slice(0, other.index + other[0].search(/\S/)).split('\n').length
    const what = other[0].trim()
    throw new LabError(`--dts ${file}:${line}: ${what} is not taken: write numbers and paths, all in this file`)
  }
  return { file, text: text.replaceAll(HEADERS, blank) }
}

/** The source for dtc, which takes the positions in it from the line that precedes it. */
export const sourceOf = ({ text }: GivenSource, index: number): string => `# 1 "${alias(index)}"\n${text}\n`

/** What dtc said about one of the given files, as an error of the user's; undefined if it was about something else. */
export function problemOf(said: string, given: readonly GivenSource[]): LabError | undefined {
  const [, index, line, column] = POSITION.exec(said) ?? []
  const source = given[Number(index)]
  if (!source) return undefined
  const problem = PROBLEM.exec(said)?.[1] ?? 'dtc does not take it'
  return new LabError(`--dts ${source.file}:${line}:${column}: ${problem}`)
}
