/** The numbers by which TELEMETRY_DE_DESCRIPTION says what a data event is (SCMI 4.0, Telemetry), and their names. */
import { z } from 'zod'
import { show } from '../core/config-error.js'

const EVENT_TYPES = [
  'unspecified',
  'idle_residency',
  'idle_count',
  'accumulating',
  'idle_state',
  'instantaneous',
  'average',
  'status',
] as const
export type EventTypeName = (typeof EVENT_TYPES)[number]

const COMPONENTS = [
  'unspecified cpu cluster gpu npu interconnect memory_controller l1_cache l2_cache l3_cache last_level_cache',
  'system_cache display_controller ipu chiplet package soc system smcu accelerator battery charger pmic board',
  'memory peripheral peripheral_part lid display',
].flatMap(row => row.split(' '))

const BYTE_MAX = 0xff

/** A number, by its name or by itself: vendors have numbers of their own. */
function byName(names: readonly string[], what: string): z.ZodType<number> {
  return z
    .union([z.enum(names), z.int().min(0).max(BYTE_MAX)], {
      error: ({ input }) =>
        `${show(input)} is not ${what}; write a number up to ${BYTE_MAX} or one of ${names.join(', ')}`,
    })
    .transform(given => (typeof given === 'number' ? given : names.indexOf(given)))
}

export const eventType = byName(EVENT_TYPES, 'a type of data event')
export const eventTypeOf = (name: EventTypeName): number => EVENT_TYPES.indexOf(name)
export const component = byName(COMPONENTS, 'a component')

/** For people. */
export const eventTypeName = (type: number): string => EVENT_TYPES[type] ?? `0x${type.toString(16)}`
export const componentName = (number: number): string => COMPONENTS[number] ?? `0x${number.toString(16)}`
