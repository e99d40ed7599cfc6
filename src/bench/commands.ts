/** The commands of a benchmark: one of each protocol that reads something, as a guest's driver does all day. */
import type { Command, Protocol } from '../protocols/declaration/protocol.js'
import { protocols } from '../protocols/index.js'
import { FailedError, OperatorError } from '../support/errors.js'
import { thereAre } from '../support/known-names.js'
import { own } from '../support/own.js'
import { decode, type Fields, sizeOf } from '../wire/fields.js'
import { COMMAND, packHeader } from '../wire/header.js'
import { SUCCESS, statusName } from '../wire/status.js'

/** By protocol: the command, and whether its answer is constant while nobody changes anything. */
const READS: Record<string, { name: string; constant: boolean }> = {
  base: { name: 'PROTOCOL_VERSION', constant: true },
  power: { name: 'POWER_STATE_GET', constant: true },
  system: { name: 'SYSTEM_POWER_STATE_GET', constant: true },
  perf: { name: 'PERFORMANCE_LEVEL_GET', constant: true },
  clock: { name: 'CLOCK_RATE_GET', constant: true },
  sensor: { name: 'SENSOR_READING_GET', constant: false },
  voltage: { name: 'VOLTAGE_LEVEL_GET', constant: true },
  powercap: { name: 'POWERCAP_CAP_GET', constant: true },
}

export const mixableProtocols = Object.keys(READS)

/** A command as the native front end needs it. */
export interface BenchCommand {
  protocol: string
  name: string
  weight: number
  constant: boolean
  /** Header without token, then the payload. Resource ids and flags are 0. */
  request: number[]
}

/** Commands that are sent in turn, by weight. */
export interface Mix {
  /** As given by the user: `base`, `clock:2,sensor`. */
  name: string
  commands: BenchCommand[]
}

/** Parses `base` or `clock:2,sensor:1`. Throws OperatorError. */
export function parseMix(text: string): Mix {
  const commands = text.split(',').map(part => {
    const [, protocol = '', weight = '1'] = /^([a-z]+)(?::([1-9]\d?))?$/.exec(part) ?? []
    const read = own(READS, protocol)
    if (!read) {
      const allowed = `protocols with a weight from 1 to 99, such as clock:2,sensor; ${thereAre(mixableProtocols)}`
      throw new OperatorError(`"${part}" is not a part of a mix; write ${allowed}`)
    }
    const { id, command } = declarationOf(protocol, read.name)
    const words = sizeOf(command.request).min / 4
    const request = [packHeader(id, command.id, COMMAND, 0), ...new Array<number>(words).fill(0)]
    return { protocol, name: read.name, weight: Number(weight), constant: read.constant, request }
  })
  return { name: text, commands }
}

function declarationOf(protocolName: string, commandName: string): { id: number; command: Command } {
  const protocol = protocols.find(candidate => candidate.name === protocolName) as Protocol
  const command = protocol.commands.findLast(candidate => candidate.name === commandName) as Command
  return { id: protocol.id, command }
}

/**
 * Throws FailedError if `answer` (the words of a whole message) does not match the command's declaration. Back ends may
 * serve any version of a protocol, so a layout of any version is accepted.
 */
export function checkAnswer(command: BenchCommand, answer: readonly number[]): void {
  const [, status = 0, ...payload] = answer
  const what = `${command.protocol} ${command.name}`
  if (status !== SUCCESS) throw new FailedError(`the back end answers ${what} with ${statusName(status | 0)}`)
  const protocol = protocols.find(candidate => candidate.name === command.protocol) as Protocol
  const layouts = protocol.commands.filter(candidate => candidate.name === command.name).map(({ reply }) => reply)
  const bytes = new DataView(Uint32Array.from(payload).buffer)
  if (!layouts.some(layout => fits(layout, bytes))) {
    throw new FailedError(
      `the back end answers ${what} with ${bytes.byteLength} bytes, which do not match its declaration`,
    )
  }
}

function fits(layout: Fields, bytes: DataView): boolean {
  try {
    decode(layout, bytes)
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
