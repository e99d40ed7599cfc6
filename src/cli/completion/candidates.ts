/** Candidates for the word before the cursor: commands, options and choices from their definitions, names from elsewhere. */
import type { Argument, Command, Option } from 'commander'
import { printable } from '../../support/printable.js'

export interface Candidate {
  text: string
  description?: string
}

/** The parsed line before the word to complete. */
export interface Typed {
  command: Command
  operands: string[]
  /** Values of options, by attribute name. */
  values: Record<string, string>
  /** The word to complete is the value of this option. */
  option?: Option
}

export type Find = (typed: Typed, last: string) => Promise<Candidate[]>

/** What a command's definitions do not say. */
export interface Names {
  /** Completes the values of options and arguments of these names. */
  finders: Record<string, Find>
  /** Adds options to the program that are defined only when they are needed. */
  define?(program: Command, words: readonly string[]): Promise<void>
}

/** Prints candidates for the last of `words`, with descriptions after a tab. */
export async function printCandidates(program: Command, words: readonly string[], names: Names): Promise<void> {
  await names.define?.(program, words)
  const last = words.at(-1) ?? ''
  for (const { text, description = '' } of await candidates(read(program, words.slice(0, -1)), last, names)) {
    // A name that is shown with escapes can't be completed.
    if (text.startsWith(last) && printable(text) === text) console.log(`${text}\t${printable(description)}`)
  }
}

/** A subcommand by its name. */
export function commandNamed(parent: Command | undefined, name: string): Command | undefined {
  return parent?.commands.find(command => command.name() === name)
}

/** The line before the last word. */
function read(program: Command, words: readonly string[]): Typed {
  const typed: Typed = { command: program, operands: [], values: {} }
  for (const word of words) {
    if (typed.option) {
      typed.values[typed.option.attributeName()] = word
      delete typed.option
    } else if (word.startsWith('-')) {
      const option = optionsOf(typed.command).find(({ short, long }) => word === short || word === long)
      if (option?.required || (option?.optional && !option.defaultValue)) typed.option = option
    } else {
      const command = typed.operands.length === 0 ? commandNamed(typed.command, word) : undefined
      if (command) typed.command = command
      else typed.operands.push(word)
    }
  }
  return typed
}

/** The options that the command's help shows: its own, and those of its parents that may stand after it. */
function optionsOf(command: Command): Option[] {
  const help = command.createHelp()
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
}

async function candidates(typed: Typed, last: string, names: Names): Promise<Candidate[]> {
  const { command, operands, option } = typed
  if (option) return valuesOf(option, typed, last, names)
  if (last.startsWith('-')) {
    return optionsOf(command).map(({ long, description }) => ({ text: long ?? '', description }))
  }
  const commands = command.createHelp().visibleCommands(command)
  if (operands.length === 0 && commands.length > 0) {
    return commands.map(command => ({ text: command.name(), description: command.description() }))
  }
  const { registeredArguments } = command
  const argument = registeredArguments[Math.min(operands.length, registeredArguments.length - 1)]
  return argument && (argument.variadic || operands.length < registeredArguments.length)
    ? valuesOf(argument, typed, last, names)
    : []
}

async function valuesOf(of: Option | Argument, typed: Typed, last: string, { finders }: Names): Promise<Candidate[]> {
  if (of.argChoices) return of.argChoices.map(text => ({ text }))
  const name = 'attributeName' in of ? of.attributeName() : of.name()
  return Object.hasOwn(finders, name) ? finders[name]!(typed, last) : []
}
