/** Options and values of arguments that several commands have. */
import { InvalidArgumentError, Option } from 'commander'
import { parseMemory } from '../machine/machine.js'
import type { Shard } from '../runner/commands.js'

/** An option that may be given several times; `none` describes the default. */
export const repeatable = (flags: string, description: string, none: string): Option =>
  new Option(flags, `${description}; repeatable`)
    .argParser((value, before: string[]) => [...before, value])
    .default([], none)

export function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a whole number from 1.')
  return Number(text)
}

export function size(text: string): string {
  try {
    return parseMemory(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

export function shard(text: string): Shard {
  const [, index, of] = /^(\d{1,4})\/(\d{1,4})$/.exec(text)?.map(Number) ?? []
  if (!index || !of || index > of) throw new InvalidArgumentError('Write I/N, such as 1/3 for the first third.')
  return { index, of }
}
