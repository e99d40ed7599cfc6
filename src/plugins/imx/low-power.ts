/**
 * What wakes a CPU of an i.MX, and what stays on while it sleeps. Nothing acts on these settings: they are stored and
 * shown. Knows no bytes.
 */
import { z } from 'zod'
import { mustFit, readSaved, type Saved, savedWord } from '../../platform/core/kept.js'

/** Up to which sleep mode of the CPU something stays on, as CPU_PD_LPM_CONFIG_SET numbers it. */
export const LPM_SETTINGS = ['on_never', 'on_run', 'on_run_wait', 'on_run_wait_stop', 'on_always'] as const

/** The setting of a power domain. */
export interface DomainSetting {
  /** Index into LPM_SETTINGS. */
  setting: number
  /** Memories that are retained. */
  retained: number
}

const savedSetting = z
  .int()
  .min(0)
  .max(LPM_SETTINGS.length - 1)
const savedLowPower = z.tuple([
  z.array(savedWord),
  z.array(savedWord),
  z.array(z.tuple([z.string(), savedSetting, savedWord])),
  z.array(z.tuple([z.int().min(0), savedSetting])),
])

export class LowPower {
  /** Interrupts that do not wake the CPU, a bit each. */
  readonly irqMask: Uint32Array
  /** The same for other sources. */
  readonly nonIrqMask = new Uint32Array(1)
  /** By name. */
  readonly domains = new Map<string, DomainSetting>()
  /** Of peripherals' low-power interfaces, by number: index into LPM_SETTINGS. */
  readonly interfaces = new Map<number, number>()

  constructor(irqWords: number) {
    this.irqMask = new Uint32Array(irqWords)
  }

  save(): Saved {
    const domains = [...this.domains].map(([name, { setting, retained }]) => [name, setting, retained])
    return [[...this.irqMask], [...this.nonIrqMask], domains, [...this.interfaces]]
  }

  restore(saved: Saved): void {
    const [irqMask, nonIrqMask, domains, interfaces] = readSaved(savedLowPower, saved)
    mustFit(irqMask.length === this.irqMask.length, `there are ${this.irqMask.length} words of interrupts`)
    mustFit(nonIrqMask.length === this.nonIrqMask.length, `there are ${this.nonIrqMask.length} words of other sources`)
    this.irqMask.set(irqMask)
    this.nonIrqMask.set(nonIrqMask)
    for (const [name, setting, retained] of domains) this.domains.set(name, { setting, retained })
    for (const [id, setting] of interfaces) this.interfaces.set(id, setting)
  }

  /** `gpu: on_run, 3: on_always` */
  get text(): string {
    const domains = [...this.domains].map(([name, { setting }]) => `${name}: ${LPM_SETTINGS[setting]}`)
    const interfaces = [...this.interfaces].map(([id, setting]) => `${id}: ${LPM_SETTINGS[setting]}`)
    return [...domains, ...interfaces].join(', ')
  }
}
