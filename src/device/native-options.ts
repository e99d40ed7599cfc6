/** Checks what a device is created with, and says what is wrong. Native code only looks at types again. */
const FEATURE_BITS = 64
const POLL_US_MAX = 1_000_000

/** Throws a TypeError that names the option and what it may be. */
export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw new TypeError('the options must be an object')
  const { events, memSlots, withoutFeatures, pollUs, onBatch, onEvent } = options as Record<string, unknown>
  checkBoolean('events', events)
  checkBoolean('memSlots', memSlots)
  checkBits('withoutFeatures', withoutFeatures)
  if (pollUs !== undefined && pollUs !== 'auto' && !isIntegerTo(pollUs, POLL_US_MAX)) {
    throw new TypeError(`options.pollUs must be 'auto' or an integer from 0 to ${POLL_US_MAX}`)
  }
  checkFunction('onBatch', onBatch)
  checkFunction('onEvent', onEvent)
}

const isIntegerTo = (value: unknown, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max

function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw new TypeError(`options.${name} must be true or false`)
}

function checkBits(name: string, value: unknown): void {
  if (value === undefined) return
  if (!Array.isArray(value)) throw new TypeError(`options.${name} must be an array of bit numbers`)
  const wrong = value.findIndex(bit => !isIntegerTo(bit, FEATURE_BITS - 1))
  if (wrong >= 0) throw new TypeError(`options.${name}[${wrong}] must be a bit number from 0 to ${FEATURE_BITS - 1}`)
}

function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`options.${name} must be a function`)
}
