/**
 * What a scenario is: a host file `qemu/scenarios/GROUP/NAME.ts` that exports one of these, or several by name, and a
 * guest file `NAME.sh` beside it with shell functions for it. qemu/README.md tells how to write one.
 */
import type { DeviceRequest } from '../devices/own-devices.js'
import type { Context } from './context.js'

export interface Scenario {
  /** One line for `scmi-lab list`: what happens, and what must come of it. */
  summary: string
  /** Words to select it by, besides its name and its group; `ci` is the fast subset. */
  tags?: string[]
  /** A preset, or the keys of a platform file; default: the preset minimal. */
  platform?: string | Record<string, unknown>
  machine?: MachineNeeds
  kernel?: KernelNeeds
  /** What the checks at the end find and this scenario is meant to cause. */
  allows?: Allowances
  /** How long `run` may take, in ms; default 60 s. */
  limitMs?: number
  run(t: Context): Promise<void>
}

export interface MachineNeeds {
  /** The SCMI devices; default: one, on PCI, there at boot. */
  devices?: DeviceNeeds[]
  /** The SCMI nodes of the device tree, each with these properties besides the usual; default: one without. */
  nodes?: string[]
  /** Further device tree source. */
  deviceTreeSource?: string
  /** Words for the kernel's command line. */
  append?: string[]
  /** Default 2. */
  cpus?: number
  qemuArguments?: string[]
}

export type DeviceNeeds = Omit<DeviceRequest, 'socketPath'>

export interface KernelNeeds {
  /** Lines the kernel's configuration must have, such as CONFIG_ARM_SCMI_PROTOCOL=m: that is for other kernels. */
  config?: string[]
  /** Linux releases it is for, as a range of semantic versions (">=7.2"), if others lack what it is about. */
  releases?: string
  /** The scenario loads the modules of a modular kernel itself; else they are there when it starts. */
  loadsModules?: boolean
}

/** Something that a check would complain about, and why it is right here. */
export interface Allowance {
  pattern: RegExp
  because: string
}

export interface Allowances {
  /** Lines of the kernel's log. */
  console?: Allowance[]
  /** What the platform says about the guest: broken rules, refused requests, PROTOCOL_ERROR. */
  platform?: Allowance[]
  /** Why no SCMI instance works when the scenario is over. */
  noInstance?: string
}

/** Scenarios that differ in little, such as an order, by name: GROUP/NAME/MEMBER. */
export type Family = Record<string, Scenario>

/** Declares a scenario: gives its object the type. */
export const scenario = (declaration: Scenario): Scenario => declaration

/** Declares several: one for each member of a table. */
export const family = <T>(table: Record<string, T>, declare: (member: T, name: string) => Scenario): Family =>
  Object.fromEntries(Object.entries(table).map(([name, member]) => [name, declare(member, name)]))
