/**
 * Tab completion: commands, options and choices from their definitions, names from the running device, if there is one.
 * The shell scripts call `ctl complete` for candidates of the last word.
 */
import type { Argument, Command, Option } from 'commander'
import { ControlClient } from '../../access/control/client.js'
import { defaultControlPath } from '../../access/control/socket.js'
import { FailedError, OperatorError } from '../../support/errors.js'
import { printable } from '../../support/printable.js'
import { type Candidate, candidatesFor, type Typed } from './names.js'

// After a name that ends in a dot no space is added. Without candidates, shells complete files.
const SCRIPTS: Record<string, string> = {
  bash: `_vhost_user_scmi() {
  mapfile -t COMPREPLY < <("$1" ctl complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1)
  [[ \${COMPREPLY[0]} == *[.=] ]] && compopt -o nospace
}
complete -o default -F _vhost_user_scmi vhost-user-scmi`,
  zsh: `#compdef vhost-user-scmi
_vhost_user_scmi() {
  local line
  local -a candidates suffix
  for line in "\${(@f)$("\${words[1]}" ctl complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  [[ \${candidates[1]%%:*} == *[.=] ]] && suffix=(-S '')
  (( \${#candidates} )) && _describe 'vhost-user-scmi' candidates "\${suffix[@]}" || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _vhost_user_scmi vhost-user-scmi`,
}

/** Prints the script that a shell sources. */
export function script(shell: string): void {
  console.log(SCRIPTS[shell])
}

/** Prints candidates for the last of `words`, with descriptions after a tab. */
export async function complete(program: Command, words: readonly string[]): Promise<void> {
  for (const { text, description = '' } of await candidates(program, words)) {
    // A name that is shown with escapes can't be completed.
    if (printable(text) === text) console.log(`${text}\t${printable(description)}`)
  }
}

async function candidates(program: Command, words: readonly string[]): Promise<Candidate[]> {
  if (words.includes('fault')) await addFaultOptions(program)
  const typed = read(program, words.slice(0, -1))
  const last = words[words.length - 1] ?? ''
  const all = typed.option ? await valuesOf(typed.option, typed, last) : await wordsOf(typed, last)
  return all.filter(({ text }) => text.startsWith(last))
}

async function addFaultOptions(program: Command): Promise<void> {
  const { addRuleOptions } = await import('./faults.js')
  const add = commandNamed(commandNamed(commandNamed(program, 'ctl'), 'fault'), 'add')
  if (add) addRuleOptions(add)
}

function commandNamed(parent: Command | undefined, name: string): Command | undefined {
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

/** The command's options, and those of `ctl`, which may stand anywhere. */
function optionsOf(command: Command): readonly Option[] {
  const { parent } = command
  return parent?.parent ? [...command.options, ...optionsOf(parent)] : command.options
}

async function wordsOf(typed: Typed, last: string): Promise<Candidate[]> {
  const { command, operands } = typed
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
    ? valuesOf(argument, typed, last)
    : []
}

async function valuesOf(of: Option | Argument, typed: Typed, last: string): Promise<Candidate[]> {
  if (of.argChoices) return of.argChoices.map(text => ({ text }))
  const find = candidatesFor('attributeName' in of ? of.attributeName() : of.name())
  if (!find) return []
  try {
    const client = await ControlClient.open(String(typed.values.control ?? defaultControlPath()))
    try {
      return await find(client, typed, last)
    } finally {
      client.close()
    }
  } catch (error) {
    // Without a device there are no names; errors would spoil the prompt.
    if (error instanceof OperatorError || error instanceof FailedError) return []
    throw error
  }
}
