import type { FaultRule } from '../../../src/faults/rules/rule.js'
import type { Context } from '../../runner/context.js'
import { expectClients, expectIdentity, rediscover } from '../../runner/discovery.js'
import { expectSaid, READABLE, SHORT_TIMEOUT } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'

const IDENTITY = '2.1 acme/battery 0x7'
const CLIENTS = /scmi-hwmon/

/** Bytes of a reply that ends after the status. */
const BARE = 8

/** Ways in which a command fails, in the order in which they are tried; the first from boot on. */
const WAYS: Record<string, FaultRule> = {
  'is refused': { status: 'GENERIC_ERROR' },
  'gets no answer': { drop: true },
  'gets an answer without its fields': { truncate: BARE },
}

interface Member {
  message: string
  /** What the kernel does: gives up the platform, ignores all its protocols, or only knows less about it. */
  outcome: { says: string; clients?: string } | { identity: string }
  because: string
}

async function expectOutcome(t: Context, way: string, { message, outcome, because }: Member): Promise<void> {
  const when = `${message} ${way}`
  if ('identity' in outcome) {
    await expectIdentity(t, `${when}: the rest is known`, because, outcome.identity)
    await expectClients(t, `${when}: the clients are there`, because, CLIENTS)
    return
  }
  await expectSaid(t, because, outcome.says)
  if (outcome.clients !== undefined) await expectClients(t, `${when}: there are no clients`, because, outcome.clients)
}

const TOLERANT = 'base.c:scmi_base_protocol_init ignores the failure, and what it does not know stays empty'

export default family<Member>(
  {
    version: {
      message: 'PROTOCOL_VERSION',
      outcome: { says: 'Failed to query supported version|unable to communicate with SCMI' },
      because:
        'driver.c:scmi_protocol_version_initialize logs it and tries the version that it knows; before Linux 7.2 ' +
        'base.c:scmi_base_protocol_init fails, and driver.c:scmi_probe with it',
    },
    attributes: {
      message: 'PROTOCOL_ATTRIBUTES',
      outcome: { says: 'unable to communicate with SCMI', clients: '' },
      because: 'base.c:scmi_base_protocol_init fails without the number of protocols',
    },
    vendor: { message: 'BASE_DISCOVER_VENDOR', outcome: { identity: '2.1 /battery 0x7' }, because: TOLERANT },
    'sub-vendor': { message: 'BASE_DISCOVER_SUB_VENDOR', outcome: { identity: '2.1 acme/ 0x7' }, because: TOLERANT },
    implementation: {
      message: 'BASE_DISCOVER_IMPLEMENTATION_VERSION',
      outcome: { identity: '2.1 acme/battery 0x0' },
      because: TOLERANT,
    },
    protocols: {
      message: 'BASE_DISCOVER_LIST_PROTOCOLS',
      outcome: { says: 'SCMI protocol 21 not implemented', clients: '' },
      because:
        'driver.c:scmi_probe makes devices only for protocols in the list of base.c:scmi_base_implementation_list_get',
    },
    agent: { message: 'BASE_DISCOVER_AGENT', outcome: { identity: IDENTITY }, because: TOLERANT },
  },
  member => {
    const rules = Object.entries(WAYS).map(([way, wrong]) => {
      const rule: FaultRule = { protocol: 'base', message: member.message, ...wrong }
      return { way, rule }
    })
    return {
      summary: `discovery: ${member.message} fails: the kernel goes on without it or without SCMI, and a later probe finds everything`,
      tags: member.message === 'PROTOCOL_ATTRIBUTES' ? ['ci'] : [],
      platform: READABLE,
      machine: { devices: [{ device: { faults: [rules[0]!.rule] } }], nodes: [SHORT_TIMEOUT] },
      async run(t) {
        for (const [round, { way, rule }] of rules.entries()) {
          if (round > 0) {
            await t.step(`${member.message} ${way}`)
            t.server.faults.clear()
            t.server.faults.add(rule)
            await rediscover(t)
          }
          await expectOutcome(t, way, member)
        }
        await t.step('the platform behaves')
        t.server.faults.clear()
        await rediscover(t)
        const because = 'nothing is left of the last probe, and driver.c:scmi_probe starts from scratch'
        await expectIdentity(t, 'all is known of a platform that behaves', because, IDENTITY)
        await expectClients(t, 'it has its clients', because, CLIENTS)
      },
    }
  },
  ['attributes', 'protocols'],
)
