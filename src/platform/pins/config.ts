/** The pinctrl section of a platform file. */
import { z } from 'zod'
import { LIMITS } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { numbered } from '../core/ids.js'
import { pinConfigsSchema } from './settings.js'

const names = z.array(z.string()).min(1).max(LIMITS.pinMembers)

const pinSchema = z.strictObject({
  ...entryKeys(LIMITS.pins),
  configs: pinConfigsSchema.prefault({}),
  function: z.string().optional().describe('Function at start; default: none'),
})

const groupSchema = z.strictObject({
  ...entryKeys(LIMITS.pinGroups),
  pins: names.describe('Names of its pins'),
  configs: pinConfigsSchema
    .prefault({})
    .describe('Values of the group itself, besides the types that all its pins have'),
})

const functionSchema = z.strictObject({
  ...entryKeys(LIMITS.pinFunctions),
  groups: names.optional().describe('Names of the groups that can select it'),
  pins: names.optional().describe('Instead of groups: names of the single pins that can select it'),
  gpio: z.boolean().default(false).describe('Its pins become general-purpose inputs and outputs'),
})

export const pinctrlSchema = z.strictObject({
  pins: numbered(z.array(pinSchema).min(1).max(LIMITS.pins), LIMITS.pins),
  groups: numbered(z.array(groupSchema).max(LIMITS.pinGroups), LIMITS.pinGroups).default([]),
  functions: numbered(z.array(functionSchema).max(LIMITS.pinFunctions), LIMITS.pinFunctions).default([]),
})

export type PinctrlConfig = z.infer<typeof pinctrlSchema>
export type PinConfig = PinctrlConfig['pins'][number]
export type GroupConfig = PinctrlConfig['groups'][number]
export type FunctionConfig = PinctrlConfig['functions'][number]
