/**
 * What a scenario is: a host file `qemu/scenarios/GROUP/NAME.ts` that exports one of these, or several by name, and a
 * guest file `NAME.sh` beside it with shell functions for it. qemu/README.md tells how to write one.
 */
import type { Reserving } from '../device-tree/reserved-memory.js'
import type { DeviceRequest } from '../devices/own-devices.js'
import type { Context } from './context.js'

export interface Scenario {
  /** One line for `scmi-lab list`: what happens, and what the kernel must do. */
  summary: string
  /** Words that select it, besides its name and group; `ci` is the fast subset. */
  tags?: string[]
  /** A preset, or the keys of a platform file; default: the preset minimal. */
  platform?: string | Record<string, unknown>
  /** Not in `scmi-lab run` without names: `run all` has it, and its names and tags. For what others cover in the main. */
  onlyInAll?: true
  machine?: MachineNeeds
  /** Further guests on the platform of the first device: the names of their agents. The machine's guest is the first agent. */
  guests?: string[]
  kernel?: KernelNeeds
  /** Findings of the final checks that this scenario causes on purpose. */
  allows?: Allowances
  /** How long `run` may take, in ms; default 60 s. */
  limitMs?: number
  run(t: Context): Promise<void>
}

export interface MachineNeeds {
  /** The SCMI devices; default: one on PCI, present at boot. */
  devices?: DeviceNeeds[]
  /** The SCMI nodes of the device tree, by their additional properties; default: one node without any. */
  nodes?: string[]
  /** Further device tree source. */
  deviceTreeSource?: string
  /** Words for the kernel's command line. */
  append?: string[]
  /** How the device tree reserves the platform's shared memory; default: so that it works. */
  reserving?: Reserving
  /** Default 2. */
  cpus?: number
  qemuArguments?: string[]
}

export type DeviceNeeds = Omit<DeviceRequest, 'socketPath'>

export interface KernelNeeds {
  /** Lines the kernel's configuration must have, such as CONFIG_ARM_SCMI_PROTOCOL=m; else the scenario is skipped. */
  config?: string[]
  /** Linux releases that have the tested feature, as a range of semantic versions (">=7.2"); on others it is skipped. */
  releases?: string
  /** The scenario loads a modular kernel's modules itself; default: they are loaded when it starts. */
  loadsModules?: boolean
}

/** A finding of a check that is right in this scenario, and why. */
export interface Allowance {
  pattern: RegExp
  because: string
}

export interface Allowances {
  /** Lines of the kernel's log. */
  console?: Allowance[]
  /** The platform's complaints about the guest: broken rules, refused requests, PROTOCOL_ERROR. */
  platform?: Allowance[]
  /** Why no SCMI instance answers at the end. */
  noInstance?: string
}

/** Scenarios that differ in little, such as an order, by the name of the member: GROUP/NAME/MEMBER. */
export type Family = Record<string, Scenario>

/** Declares a scenario: gives its object the type. */
export const scenario = (declaration: Scenario): Scenario => declaration

/**
 * Declares several: one for each member of a table. `quick` are those that `scmi-lab run` without names has; default: all
 * that do not say otherwise themselves.
 */
export const family = <T>(
  table: Record<string, T>,
  declare: (member: T, name: string) => Scenario,
  quick?: readonly string[],
): Family => {
  const unknown = quick?.find(name => !(name in table))
  if (unknown !== undefined) throw new TypeError(`there is no member ${unknown}`)
  return Object.fromEntries(
    Object.entries(table).map(([name, member]) => {
      const rest = quick && !quick.includes(name) ? { onlyInAll: true as const } : {}
      return [name, { ...declare(member, name), ...rest }]
    }),
  )
}
