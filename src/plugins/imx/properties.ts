/** What the host sees of an i.MX's own resources, and can change as hardware does. */
import { PLATFORM_AGENT } from '../../platform/core/agent-ids.js'
import {
  flagProperty,
  numberProperty,
  onEvents,
  type Property,
  type ResourceGroup,
  textProperty,
} from '../../platform/core/property.js'
import { SECONDS } from '../../platform/core/unit-text.js'
import { RequestError } from '../../support/errors.js'
import type { BatteryBacked } from './battery-backed.js'
import type { Cpus, RunMode } from './cpus.js'
import { type Lm, type LmRequest, LmState, type Lms } from './lms.js'
import type { Control, Misc } from './misc-info.js'
import type { Rtc } from './rtc.js'

const WORD = () => ({ min: 0, max: 0xffff_ffff, step: 1 })

const REQUESTS: readonly LmRequest[] = ['shutdown', 'reset', 'suspend', 'wake']

export function lmProperties(model: Lms): ResourceGroup[] {
  const resources = model.list.map(lm => ({
    name: lm.name,
    main: 'state',
    subject: lm,
    properties: [
      textProperty('state', 'Of the machine; set: at once, as if by the System Manager', {
        read: () => lm.state,
        allowed: () => Object.keys(LmState),
        set: state => become(model, lm, state as LmState),
      }),
      textProperty('request', 'Set: asks the machine to do it by itself', {
        read: () => undefined,
        allowed: () => REQUESTS,
        set: request => model.request(lm, request as LmRequest),
      }),
    ],
  }))
  return [{ kind: 'imx_lmm', resources, watch: onEvents(model, 'changed', 'requested') }]
}

function become(model: Lms, lm: Lm, state: LmState): void {
  if (state === 'off') model.shutdown(lm)
  if (state === 'powered') model.powerOn(lm)
  if (state === 'suspended') model.suspend(lm)
  if (state === 'on') {
    model.wake(lm)
    model.boot(lm)
  }
  if (lm.state === state) return
  throw new RequestError('FAILED_PRECONDITION', `${lm.name} is ${lm.state}, which does not lead to ${state}`)
}

export function batteryBackedProperties(model: BatteryBacked): ResourceGroup[] {
  const button = flagProperty('button', 'It is held down', {
    read: () => model.buttonDown,
    set: down => (down ? model.press() : model.release()),
  })
  const registers = Array.from(model.registers, (_, i) =>
    numberProperty(`register_${i}`, 'General-purpose register', undefined, {
      read: () => model.registers[i],
      allowed: WORD,
      set: value => model.setRegister(i, value),
    }),
  )
  const module = { name: '', main: 'button', subject: model, properties: [button, ...registers] }
  const rtcs = model.list.map(rtc => ({
    name: rtc.name,
    main: 'time',
    subject: rtc,
    properties: rtcProperties(model, rtc),
  }))
  const watch = onEvents(model, 'updated', 'alarm', 'rollover', 'pressed')
  return [
    { kind: 'imx_bbm', resources: [module], watch },
    { kind: 'imx_rtc', resources: rtcs, watch },
  ]
}

function rtcProperties(model: BatteryBacked, rtc: Rtc): Property[] {
  return [
    numberProperty('time', 'Since 1970', SECONDS, {
      read: () => rtc.seconds,
      allowed: () => ({ min: 0, max: 2 ** rtc.secondsWidth - 1, step: 1 }),
      set: seconds => void model.setTime(rtc, seconds, 'seconds', PLATFORM_AGENT),
    }),
    flagProperty('battery_low', 'Its battery needs replacing', {
      read: () => rtc.batteryLow,
      set: low => {
        rtc.batteryLow = low
      },
    }),
    flagProperty('lost', 'The time was lost, and not set since', {
      read: () => rtc.lost,
      set: lost => rtc.setLost(lost),
    }),
  ]
}

export function cpuProperties(model: Cpus): ResourceGroup[] {
  const changes: readonly RunMode[] = ['start', 'stop']
  const resources = model.list.map(cpu => ({
    name: cpu.name,
    main: 'run_mode',
    subject: cpu,
    properties: [
      textProperty('run_mode', 'Whether it runs', {
        read: () => cpu.runMode,
        allowed: () => changes,
        set: mode => (mode === 'start' ? model.start(cpu, PLATFORM_AGENT) : model.stop(cpu, PLATFORM_AGENT)),
      }),
      textProperty('sleep_mode', 'How it sleeps', { read: () => cpu.sleepMode }),
      textProperty('irq_mask', 'Interrupts that do not wake it', { read: () => hexWords(cpu.lowPower.irqMask) }),
      textProperty('non_irq_mask', 'Other sources that do not', { read: () => hexWords(cpu.lowPower.nonIrqMask) }),
      textProperty('low_power', 'Up to which sleep mode domains and interfaces stay on', {
        read: () => cpu.lowPower.text,
      }),
      ...Object.keys(cpu.vectors).map(occasion =>
        textProperty(`${occasion}_vector`, 'Address where it begins', {
          read: () => `0x${cpu.vectors[occasion as keyof typeof cpu.vectors].toString(16)}`,
        }),
      ),
    ],
  }))
  return [{ kind: 'imx_cpu', resources, watch: onEvents(model, 'runModeChanged') }]
}

function hexWords(words: Uint32Array): string {
  return Array.from(words, word => `0x${word.toString(16).padStart(8, '0')}`).join(' ')
}

export function miscProperties(model: Misc): ResourceGroup[] {
  const resources = [...model.deviceControls, ...model.boardControls].map(control => ({
    name: control.name,
    main: control.values.length === 1 ? 'value' : 'value_0',
    subject: control,
    properties: [...Array.from(control.values, (_, i) => controlValue(model, control, i)), happening(model, control)],
  }))
  return [{ kind: 'imx_misc', resources, watch: onEvents(model, 'changed', 'action', 'happened') }]
}

function controlValue(model: Misc, control: Control, i: number): Property {
  return numberProperty(control.values.length === 1 ? 'value' : `value_${i}`, 'Word of the control', undefined, {
    read: () => control.values[i],
    allowed: WORD,
    set: value => model.set(control, control.values.with(i, value), PLATFORM_AGENT),
  })
}

function happening(model: Misc, control: Control): Property {
  return numberProperty('event', 'Set: tells who wants to know that these flags happened', undefined, {
    read: () => undefined,
    allowed: WORD,
    set: flags => model.happen(control, flags),
  })
}
