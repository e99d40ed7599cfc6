/** CPUs of an i.MX: their configuration, and their state. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { Entry, entryKeys } from '../../platform/core/entry.js'
import { byId, numbered } from '../../platform/core/ids.js'
import { type Kept, readSaved, type Saved, savedLong } from '../../platform/core/kept.js'
import { byUniqueName, named } from '../../platform/core/named.js'
import { type DomainSetting, LowPower } from './low-power.js'
import { SHORT_NAME_MAX } from './reasons.js'

const permissionsSchema = z
  .strictObject({ control: z.boolean().default(true) })
  .describe('What agents may do: start, stop and set up; the matching request is DENIED otherwise')

/** By name, as CPU_INFO_GET numbers them. */
export const RunMode = { start: 0, hold: 1, stop: 2, sleep: 3 } as const
export type RunMode = keyof typeof RunMode

/** By name, as CPU_SLEEP_MODE_SET numbers them. */
export const SleepMode = { run: 0, wait: 1, stop: 2, suspend: 3 } as const
export type SleepMode = keyof typeof SleepMode

/** The number of CPUs has 16 bits. */
const CPUS_MAX = 0xffff

const cpuSchema = z.strictObject({
  ...entryKeys(CPUS_MAX, SHORT_NAME_MAX),
  run_mode: z.enum(['start', 'hold', 'stop', 'sleep']).default('stop').describe('At start'),
  sleep_mode: z.enum(['run', 'wait', 'stop', 'suspend']).default('run').describe('At start'),
  reset_vector: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('Address where it begins, until an agent sets another'),
  vector_table: z.boolean().default(false).describe('Its addresses point to a vector table, not to code'),
  irq_wake_words: z.int().min(1).max(0xff).default(12).describe('Words of the mask of interrupts that wake it'),
  low_power_interfaces: z
    .int()
    .min(0)
    .max(0xffff)
    .default(21)
    .describe('Number of low-power interfaces of peripherals'),
  permissions: permissionsSchema.prefault({}),
})

export const cpusSchema = numbered(z.array(cpuSchema).min(1).max(CPUS_MAX), CPUS_MAX)
export type CpuConfig = z.infer<typeof cpusSchema>[number]

/** What the address of a CPU points to, code or a vector table, and when the CPU uses it. */
export interface VectorUse {
  table: boolean
  /** When its logical machine boots. */
  boot: boolean
  /** When it is started. */
  start: boolean
  /** When it resumes from sleep. */
  resume: boolean
}

const savedCpu = z.tuple([
  z.enum(['start', 'hold', 'stop', 'sleep']),
  z.enum(['run', 'wait', 'stop', 'suspend']),
  z.strictObject({ boot: savedLong, start: savedLong, resume: savedLong }),
  z.custom<Saved>(),
])

export class Cpu extends Entry implements Kept {
  onChange: (() => void) | undefined
  readonly vectorTable: boolean
  readonly permissions: { control: boolean }
  readonly lowPowerInterfaces: number
  readonly lowPower: LowPower
  runMode: RunMode
  sleepMode: SleepMode
  /** Addresses by occasion. */
  readonly vectors: { boot: number; start: number; resume: number }

  constructor(config: CpuConfig) {
    super(config)
    this.vectorTable = config.vector_table
    this.permissions = config.permissions
    this.lowPowerInterfaces = config.low_power_interfaces
    this.lowPower = new LowPower(config.irq_wake_words)
    this.runMode = config.run_mode
    this.sleepMode = config.sleep_mode
    this.vectors = { boot: config.reset_vector, start: config.reset_vector, resume: config.reset_vector }
  }

  save(): Saved {
    return [this.runMode, this.sleepMode, { ...this.vectors }, this.lowPower.save()]
  }

  restore(saved: Saved): void {
    const [runMode, sleepMode, vectors, lowPower] = readSaved(savedCpu, saved)
    this.runMode = runMode
    this.sleepMode = sleepMode
    Object.assign(this.vectors, vectors)
    this.lowPower.restore(lowPower)
  }
}

interface CpuEvents {
  /** It was started or stopped; `agentId` did it, 0 is the platform. */
  runModeChanged: [cpu: Cpu, agentId: number]
}

export class Cpus extends EventEmitter<CpuEvents> {
  readonly list: readonly Cpu[]
  /** By the platform's ids. */
  readonly byId: readonly (Cpu | undefined)[]

  constructor(configs: CpuConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map(config => new Cpu(config))
    this.byId = byId(this.list)
    byUniqueName(this.list, 'CPUs')
  }

  /** By name. Throws if there is none: for callers on the host, who know the platform. */
  named(name: string): Cpu {
    return named(this.list, 'CPU', name)
  }

  /** Starts it at its start address. It will resume there, too. */
  start(cpu: Cpu, agentId: number): void {
    cpu.vectors.resume = cpu.vectors.start
    cpu.onChange?.()
    this.#run(cpu, 'start', agentId)
  }

  stop(cpu: Cpu, agentId: number): void {
    this.#run(cpu, 'stop', agentId)
  }

  /** Sets the address where it begins. Returns false if it needs code and gets a vector table, or the reverse. */
  setVector(cpu: Cpu, address: number, use: VectorUse): boolean {
    if (use.table !== cpu.vectorTable) return false
    if (use.boot) cpu.vectors.boot = address
    if (use.start) cpu.vectors.start = address
    if (use.resume) cpu.vectors.resume = address
    cpu.onChange?.()
    return true
  }

  setSleepMode(cpu: Cpu, mode: SleepMode): void {
    cpu.sleepMode = mode
    cpu.onChange?.()
  }

  /** Sets words of a mask of wake sources, from `first` on. */
  setMask(cpu: Cpu, mask: 'irqMask' | 'nonIrqMask', first: number, words: ArrayLike<number>): void {
    cpu.lowPower[mask].set(words, first)
    cpu.onChange?.()
  }

  /** Sets in which sleep modes of the CPU a power domain stays on. */
  setDomain(cpu: Cpu, name: string, setting: DomainSetting): void {
    cpu.lowPower.domains.set(name, setting)
    cpu.onChange?.()
  }

  /** The same for a peripheral's low-power interface. `setting` is an index into LPM_SETTINGS. */
  setInterface(cpu: Cpu, id: number, setting: number): void {
    cpu.lowPower.interfaces.set(id, setting)
    cpu.onChange?.()
  }

  #run(cpu: Cpu, mode: RunMode, agentId: number): void {
    if (cpu.runMode === mode) return
    cpu.runMode = mode
    cpu.onChange?.()
    this.emit('runModeChanged', cpu, agentId)
  }
}
