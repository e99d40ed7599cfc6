/** The resource kind `power_domains`: schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type PowerDomainConfig, powerDomainsSchema } from './config.js'
import { PowerDomains } from './model.js'
import { powerProperties } from './properties.js'

export const powerDomains: ResourceKind<PowerDomainConfig[], PowerDomains> = {
  section: 'power_domains',
  schema: powerDomainsSchema,
  create: config => new PowerDomains(config),
  properties: powerProperties,
}
