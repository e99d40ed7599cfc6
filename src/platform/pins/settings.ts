/** Configuration values of pins and pin groups: types, schema, and allowed values. */
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'

/** Configuration types by number (SCMI v3.2 §4.11.1, table of pin configuration types). */
export const TYPE_NAMES = [
  'default bias_bus_hold bias_disable bias_high_impedance bias_pull_up bias_pull_default bias_pull_down',
  'drive_open_drain drive_open_source drive_push_pull drive_strength input_debounce input_mode pull_mode',
  'input_value input_schmitt low_power_mode output_mode output_value power_source slew_rate',
].flatMap(row => row.split(' '))

const INPUT_VALUE = TYPE_NAMES.indexOf('input_value')

const u32 = z.int().min(0).max(0xffff_ffff)

const settingSchema = z
  .union([
    u32,
    z.strictObject({
      value: u32.optional().describe('Value at start; default: the first or lowest allowed'),
      values: z.array(u32).min(1).optional().describe('Allowed values'),
      range: z.strictObject({ min: u32, max: u32 }).optional().describe('Range of allowed values'),
      read_only: z.boolean().optional().describe('Agents may not set it; default: true for input_value only'),
    }),
  ])
  .meta({ description: 'The value at start, which agents may change to any value, or a map' })

type SettingConfig = z.infer<typeof settingSchema>

const named = Object.fromEntries(TYPE_NAMES.map(name => [name, settingSchema.optional()]))

/** The `configs` of a pin or a group. */
export const pinConfigsSchema = z
  .strictObject({
    ...named,
    oem: z
      .record(z.string().regex(/^(0x[c-f][0-9a-f]|19[2-9]|2[0-4]\d|25[0-5])$/i), settingSchema)
      .optional()
      .describe('Vendor types, 0xc0 to 0xff'),
  })
  .describe('Configuration values that can be read and set, by type')

type PinConfigs = z.infer<typeof pinConfigsSchema>

/** One configuration value of a pin or a group. */
export class Setting {
  readonly type: number
  value: number
  readonly readOnly: boolean
  /** Allowed values; undefined: see `range`. */
  readonly values: readonly number[] | undefined
  /** Allowed range; undefined: any value. */
  readonly range: { min: number; max: number } | undefined

  constructor(type: number, config: SettingConfig, at: ConfigPath) {
    const { value, values, range, read_only } = typeof config === 'number' ? { value: config } : config
    if (values && range) throw new ConfigError([...at, 'range'], 'give either values or range, not both')
    if (range && range.max < range.min) {
      throw new ConfigError([...at, 'range', 'max'], `max is below min; write at least ${range.min}`)
    }
    this.type = type
    this.readOnly = read_only ?? type === INPUT_VALUE
    this.values = values
    this.range = range
    this.value = value ?? values?.[0] ?? range?.min ?? 0
    if (!this.allows(this.value)) throw new ConfigError([...at, 'value'], `${value} is not an allowed value`)
  }

  /** The lowest and highest allowed value; 0 and 1 if any is allowed. */
  get bounds(): { lowest: number; highest: number } {
    if (this.values) return { lowest: Math.min(...this.values), highest: Math.max(...this.values) }
    return { lowest: this.range?.min ?? 0, highest: this.range?.max ?? 1 }
  }

  allows(value: number): boolean {
    if (this.values) return this.values.includes(value)
    return !this.range || (value >= this.range.min && value <= this.range.max)
  }
}

/** The settings that the file describes, by ascending type. */
export function settingsOf({ oem = {}, ...named }: PinConfigs, at: ConfigPath): Map<number, Setting> {
  const settings: Setting[] = []
  for (const [name, config] of Object.entries<SettingConfig | undefined>(named)) {
    if (config !== undefined) settings.push(new Setting(TYPE_NAMES.indexOf(name), config, [...at, name]))
  }
  for (const [type, config] of Object.entries(oem))
    settings.push(new Setting(Number(type), config, [...at, 'oem', type]))
  return new Map(settings.sort((a, b) => a.type - b.type).map(setting => [setting.type, setting]))
}
