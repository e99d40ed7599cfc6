/** The kinds of NXP's resources, as the platform file, the platform and the host know them. */
import type { Platform, ResourceKind } from '../../platform/core/platform.js'
import { BatteryBacked, type BatteryBackedConfig, batteryBackedSchema } from './battery-backed.js'
import { type CpuConfig, Cpus, cpusSchema } from './cpus.js'
import { type LmConfig, Lms, lmsSchema } from './lms.js'
import { Misc, type MiscConfig, miscSchema } from './misc-info.js'
import { batteryBackedProperties, cpuProperties, lmProperties, miscProperties } from './properties.js'
import { requireImx } from './reasons.js'

export const cpus: ResourceKind<CpuConfig[], Cpus> = {
  section: 'imx_cpus',
  schema: cpusSchema,
  properties: cpuProperties,
  create(config, platform) {
    requireImx(platform)
    return new Cpus(config)
  },
}

export const lms: ResourceKind<LmConfig[], Lms> = {
  section: 'imx_lms',
  schema: lmsSchema,
  properties: lmProperties,
  create(config, platform: Platform) {
    requireImx(platform)
    const model = new Lms(config, platform.time)
    platform.onClose(() => model.close())
    return model
  },
}

export const misc: ResourceKind<MiscConfig, Misc> = {
  section: 'imx_misc',
  schema: miscSchema,
  properties: miscProperties,
  create(config, platform) {
    requireImx(platform)
    return new Misc(config)
  },
  lists: ['device_controls', 'board_controls'],
}

export const batteryBacked: ResourceKind<BatteryBackedConfig, BatteryBacked> = {
  section: 'imx_bbm',
  schema: batteryBackedSchema,
  properties: batteryBackedProperties,
  create(config, platform) {
    requireImx(platform)
    const model = new BatteryBacked(config, platform.time)
    platform.onClose(() => model.close())
    return model
  },
  lists: ['rtcs'],
}
