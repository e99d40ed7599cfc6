/**
 * Random commands of several protocols, with the replies they must get if each is executed once, in order. Models the
 * platform below. No command reads what a delayed operation changes, since it may end at any time.
 */
import type { Random } from '../driver/random.js'

/** Latencies lie within the lifetimes of killed back ends: some operations outlive their back end, some do not. */
export const PLATFORM = `
vendor: torture
clocks:
  - { repeat: 4, name: "clk_{i}", rates: [1 MHz, 2 MHz, 3 MHz, 4 MHz] }
  - { name: clk_later, rates: [1 MHz, 2 MHz, 3 MHz, 4 MHz], latency: 20 ms }
  - { name: clk_part, parents: [clk_0], divider: [1, 2, 4] }
  # For the bulk guests.
  - { name: clk_bulk, rates: [1 MHz, 2 MHz] }
power_domains: [{ name: pd_a }, { name: pd_b }]
voltages: [{ name: vdd_a, levels: [1 V, 2 V, 3 V] }, { name: vdd_b, level: 1 V }]
perf_domains: [{ name: perf, sustained_frequency: 300 kHz, levels: [{ level: 100, power: 1 }, { level: 200, power: 2 }, { level: 300, power: 3 }] }]
powercaps: [{ name: cap, cap_range: { min: 1, max: 9, step: 1 } }]
resets: [{ name: rst }]
sensors: [{ name: temp, type: celsius, value: 25, trip_points: 1, async: { latency: 10 ms } }]
pinctrl: { pins: [{ name: pin, configs: { drive_strength: 0 } }] }
protocols: { clock: { max_pending_async: 16 }, sensor: { max_pending_async: 16 } }
`

export interface Command {
  protocol: number
  id: number
  words: number[]
  /** Status and words of the reply. */
  answer: number[]
  /** Status and words of the delayed response, for commands that have one. */
  delayed?: number[]
}

const MHZ = 1_000_000
const OFF = 1 << 30
const DRIVE_STRENGTH = 10
const CLOCK_LATER = 4
const CLOCK_PART = 5
const DIVIDERS = [1, 2, 4]

/** Generates commands, and tracks the platform's state after them. */
export class Commands {
  readonly #random: Random
  readonly #rates = [1, 1, 1, 1].map(mhz => mhz * MHZ)
  #divider = 4
  readonly #enabled = [0, 0, 0, 0]
  readonly #power = [OFF, OFF]
  #level = 1_000_000
  readonly #modes = [0, 0]
  #perf = 300
  #cap = 9
  #drive = 0
  #subscribed = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Whether the guest is subscribed to rate changes of clock 0. */
  get subscribed(): boolean {
    return this.#subscribed === 1
  }

  /** A rate other than the one clock 0 has now. */
  otherRate(): number {
    return this.#rates[0] === MHZ ? 2 * MHZ : MHZ
  }

  setRate(id: number, rateHz: number): Command {
    this.#rates[id] = rateHz
    return { protocol: 0x14, id: 0x5, words: [0, id, rateHz, 0], answer: [0] }
  }

  /** `mayWait`: the command may have a delayed response. */
  next(mayWait: boolean): Command {
    const random = this.#random
    switch (random.below(mayWait ? 22 : 20)) {
      case 0:
      case 1:
        return this.setRate(random.below(4), (1 + random.below(4)) * MHZ)
      case 2:
      case 3: {
        const id = random.below(4)
        return { protocol: 0x14, id: 0x6, words: [id], answer: [0, this.#rates[id]!, 0] }
      }
      case 4: {
        const id = random.below(4)
        this.#enabled[id] = random.below(2)
        return { protocol: 0x14, id: 0x7, words: [id, this.#enabled[id], 0], answer: [0] }
      }
      case 5: {
        const id = random.below(4)
        return { protocol: 0x14, id: 0xb, words: [id, 0], answer: [0, 0, this.#enabled[id]!, 0] }
      }
      case 6:
        this.#subscribed = random.below(2)
        return { protocol: 0x14, id: 0x9, words: [0, this.#subscribed], answer: [0] }
      case 7: {
        // A rate that one of the dividers gives.
        this.#divider = random.pick(DIVIDERS)
        return { protocol: 0x14, id: 0x5, words: [0, CLOCK_PART, this.#rates[0]! / this.#divider, 0], answer: [0] }
      }
      case 8:
        return { protocol: 0x14, id: 0x6, words: [CLOCK_PART], answer: [0, this.#rates[0]! / this.#divider, 0] }
      case 9: {
        const id = random.below(2)
        this.#power[id] = random.pick([0, OFF])
        return { protocol: 0x11, id: 0x4, words: [0, id, this.#power[id]!], answer: [0] }
      }
      case 10: {
        const id = random.below(2)
        return { protocol: 0x11, id: 0x5, words: [id], answer: [0, this.#power[id]!] }
      }
      case 11:
        this.#level = (1 + random.below(3)) * 1_000_000
        return { protocol: 0x17, id: 0x7, words: [0, 0, this.#level], answer: [0] }
      case 12: {
        const id = random.below(2)
        this.#modes[id] = random.pick([0, 7])
        return { protocol: 0x17, id: 0x5, words: [id, this.#modes[id]!], answer: [0] }
      }
      case 13: {
        const id = random.below(2)
        if (random.once(2)) return { protocol: 0x17, id: 0x6, words: [id], answer: [0, this.#modes[id]!] }
        return { protocol: 0x17, id: 0x8, words: [0], answer: [0, this.#level] }
      }
      case 14:
        this.#perf = random.pick([100, 200, 300])
        return { protocol: 0x13, id: 0x7, words: [0, this.#perf], answer: [0] }
      case 15:
        return { protocol: 0x13, id: 0x8, words: [0], answer: [0, this.#perf] }
      case 16:
        this.#cap = 1 + random.below(9)
        return { protocol: 0x18, id: 0x5, words: [0, 0, this.#cap], answer: [0] }
      case 17:
        if (random.once(2)) return { protocol: 0x18, id: 0x4, words: [0], answer: [0, this.#cap] }
        return { protocol: 0x16, id: 0x4, words: [0, 1, 0], answer: [0] }
      case 18:
        this.#drive = random.below(100)
        // A pin, and one pair of type and value.
        return { protocol: 0x19, id: 0x6, words: [0, 0, 1 << 2, DRIVE_STRENGTH, this.#drive], answer: [0] }
      case 19:
        return { protocol: 0x19, id: 0x5, words: [0, DRIVE_STRENGTH], answer: [0, -1, 1, DRIVE_STRENGTH, this.#drive] }
      case 20: {
        const rateHz = (1 + random.below(4)) * MHZ
        return {
          ...{ protocol: 0x14, id: 0x5, words: [1, CLOCK_LATER, rateHz, 0], answer: [0] },
          delayed: [0, CLOCK_LATER, rateHz, 0],
        }
      }
      default:
        return { protocol: 0x15, id: 0x6, words: [0, 1], answer: [0], delayed: [0, 0, 25, 0, 0, 0] }
    }
  }
}
