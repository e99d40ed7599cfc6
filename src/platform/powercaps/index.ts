/** The resource kind `powercaps`: schema, model and host properties. */
import { ConfigError } from '../core/config-error.js'
import { checkFastChannels } from '../core/fast-channels.js'
import type { Platform, ResourceKind } from '../core/platform.js'
import { type PowercapConfig, powercapsSchema, V3_KEYS } from './config.js'
import { connectPowercaps } from './limits.js'
import { Powercaps } from './model.js'
import { powercapProperties } from './properties.js'

/** Throws ConfigError for keys that agents are not told of, unless the file asks for an older version on purpose. */
function checkVersion(configs: readonly PowercapConfig[], platform: Platform): void {
  if (platform.versionOf('powercap') !== undefined) return
  for (const [i, config] of configs.entries()) {
    const key = config.limits.length > 0 ? 'limits' : V3_KEYS.find(key => config[key] !== undefined)
    if (key) throw new ConfigError([i, key], 'needs version 3.0: write protocols: { powercap: { version: 3.0 } }')
  }
}

export const powercaps: ResourceKind<PowercapConfig[], Powercaps> = {
  section: 'powercaps',
  schema: powercapsSchema,
  create(config, platform) {
    checkFastChannels(config, platform)
    checkVersion(config, platform)
    return new Powercaps(config, platform.time)
  },
  link: connectPowercaps,
  properties: powercapProperties,
}
