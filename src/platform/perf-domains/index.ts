/** The resource kind `perf_domains`: schema, model and host properties. */
import { ConfigError } from '../core/config-error.js'
import { wireNameHint } from '../core/entry.js'
import { checkFastChannels } from '../core/fast-channels.js'
import type { ResourceKind } from '../core/platform.js'
import { listOf } from '../core/resource.js'
import { powerDomains } from '../power-domains/index.js'
import { type DomainConfig, domainsSchema } from './config.js'
import { PerfDomains } from './model.js'
import { perfProperties } from './properties.js'
import { connectSupplies } from './supplies.js'

export const perfDomains: ResourceKind<DomainConfig[], PerfDomains> = {
  section: 'perf_domains',
  schema: domainsSchema,
  create(config, platform) {
    checkFastChannels(config, platform)
    return new PerfDomains(config)
  },
  properties: perfProperties,
  link(model, platform, config) {
    const { list } = model
    const taken = listOf(platform, powerDomains).map(({ name }) => name)
    // Linux also makes power domains of performance domains, in the same name space.
    const clash = list.findIndex(({ name }) => taken.includes(name))
    if (clash >= 0) {
      const { name } = list[clash]!
      throw new ConfigError([clash, 'name'], `a power domain is named ${name} already; ${wireNameHint(name)}`)
    }
    connectSupplies(model, config, platform)
  },
}
