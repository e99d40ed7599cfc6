/** Reproducible random numbers (mulberry32). A failure is repeated by giving its seed in FUZZ_SEED. */

export class Random {
  readonly seed: number
  private state: number

  constructor(seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 0x1_0000_0000))) {
    this.seed = seed >>> 0
    this.state = this.seed
  }

  /** An integer in 0..below-1. */
  below(below: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let x = this.state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 0x1_0000_0000) * below)
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  /** A 64-bit number of the kind that breaks programs: small, a power of two, close to a limit, or anything. */
  nasty64(): bigint {
    const near = [0n, 1n << 12n, 1n << 30n, 1n << 31n, 1n << 32n, 1n << 47n, 1n << 63n, 1n << 64n]
    if (this.once(4)) return (BigInt(this.below(0x1_0000_0000)) << 32n) | BigInt(this.below(0x1_0000_0000))
    return BigInt.asUintN(64, this.pick(near) + BigInt(this.below(33) - 16))
  }
}
