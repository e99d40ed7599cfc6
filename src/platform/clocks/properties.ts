/** The properties of clocks that the host sees and can change as if hardware changed them. */
import { RequestError } from '../../support/errors.js'
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import {
  flagProperty,
  numberProperty,
  onEvents,
  type Property,
  type ResourceGroup,
  textProperty,
} from '../core/property.js'
import { HERTZ, PERCENT } from '../core/unit-text.js'
import { type Clock, DUTY_CYCLE, PHASE } from './clock.js'
import type { Clocks } from './model.js'

const U32_MAX = 0xffff_ffff

export function clockProperties(model: Clocks): ResourceGroup[] {
  const resources = model.list.map(clock => ({
    name: clock.name,
    main: 'rate',
    subject: clock,
    properties: [rate(model, clock), running(clock), ...parent(model, clock), ...extended(clock)],
  }))
  return [{ kind: 'clock', resources, watch: onEvents(model, 'rateChanged') }]
}

function rate(model: Clocks, clock: Clock): Property {
  return numberProperty('rate', 'Frequency, also while the clock is off', HERTZ, {
    read: () => clock.rateHz,
    allowed: () => clock.rates ?? clock.range,
    set: rateHz => model.setRate(clock, rateHz, PLATFORM_AGENT),
  })
}

function running(clock: Clock): Property {
  return flagProperty('enabled', "Runs while anything needs it; set: the platform's own vote", {
    read: () => clock.enabled,
    set: enabled => {
      clock.vote(PLATFORM_AGENT, enabled)
      if (clock.enabled === enabled) return
      const why = clock.critical ? 'it is critical' : 'an agent, or a clock that it feeds, needs it'
      throw new RequestError('FAILED_PRECONDITION', `${clock.name} stays on: ${why}`)
    },
  })
}

function parent(model: Clocks, clock: Clock): Property[] {
  if (clock.parents.length === 0) return []
  return [
    textProperty('parent', 'The clock that feeds it', {
      read: () => clock.parent?.name,
      allowed: () => clock.parents.map(({ name }) => name),
      set: name => {
        const parent = clock.parents.find(parent => parent.name === name)
        if (parent) model.setParent(clock, parent, PLATFORM_AGENT)
      },
    }),
  ]
}

/** Duty cycle, phase and vendor values, those that the clock has. */
function extended(clock: Clock): Property[] {
  return [...clock.extended.keys()].map(type => {
    const access = {
      read: () => clock.extended.get(type),
      set: (value: number) => clock.setExtended(type, value),
    }
    const words = () => ({ min: 0, max: U32_MAX, step: 1 })
    if (type === DUTY_CYCLE) {
      return numberProperty('duty_cycle', 'Share of the period that it is high', PERCENT, {
        ...access,
        allowed: () => ({ min: 1, max: 99, step: 1 }),
      })
    }
    const name = type === PHASE ? 'phase' : `oem_0x${type.toString(16)}`
    return numberProperty(name, 'Extended configuration value', undefined, { ...access, allowed: words })
  })
}
