/** Two guests' drivers on one platform of Powercap 3.0: one negotiates 2.0, as Linux 7.3 does, the other stays at 3.0. */
import { expect, it, onTestFinished } from 'vitest'
import { connectClient } from '../../src/client/index.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import type { Message } from '../../src/observe/messages.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { serve } from '../../src/server/serve.js'
import { NOT_FOUND } from '../../src/wire/status.js'
import { inFolder } from '../cli/command.js'

const [V2, V3] = [0x20000, 0x30000]
const PEAK = 1
const platform = definePlatform({
  vendor: 'acme',
  protocols: { powercap: { version: '3.0' } },
  agents: ['old', 'new'].map(name => ({ name })),
  perf_domains: [
    {
      name: 'cpu',
      power_unit: 'milliwatt',
      sustained_frequency: '3 GHz',
      levels: [
        { level: 1, power: 1000 },
        { level: 2, power: 2000 },
        { level: 3, power: 3000 },
      ],
    },
  ],
  powercaps: [
    {
      name: 'package',
      unit: 'milliwatt',
      cap_range: { min: 500, max: 9000, step: 100 },
      pai_range: { min: '1 ms', max: '9 ms', step: '1 ms' },
      cap_name: 'sustained',
      limits: [
        {
          name: 'peak',
          cap_range: { min: 500, max: 9000, step: 100 },
          cai_range: { min: '1 ms', max: '9 ms', step: '1 ms' },
        },
      ],
      domains: ['cpu'],
    },
  ],
})

it('each by its own layouts; each limit lowers the level that both see', () =>
  inFolder(async folder => {
    const server = await serve({
      platform,
      endpointOf: ({ name }) => ({ socketPath: `${folder}/${name}` }),
    })
    const [old, recent] = await Promise.all(['old', 'new'].map(name => connectClient(`${folder}/${name}`)))
    onTestFinished(() => {
      old!.close()
      recent!.close()
      server.close()
    })
    const told = { old: [] as Message[], recent: [] as Message[] }
    old!.listen(message => told.old.push(message))
    recent!.listen(message => told.recent.push(message))

    expect(await old!.powercap.PROTOCOL_VERSION()).toEqual({ version: V3 })
    await old!.powercap.NEGOTIATE_PROTOCOL_VERSION({ version: V2 })
    const attributes = {
      old: await old!.powercap.POWERCAP_DOMAIN_ATTRIBUTES({ domain_id: 0 }),
      recent: await recent!.powercap.POWERCAP_DOMAIN_ATTRIBUTES({ domain_id: 0 }),
    }
    expect(attributes.old).toMatchObject({ name: 'package', min_pai: 1000, max_pai: 9000 })
    expect(attributes.old).not.toHaveProperty('max_cai')
    expect(attributes.recent).toMatchObject({ name: 'package', min_cai: 1000, max_cai: 9000 })
    // Two limits in bits 18:15, which are 0 in 2.0.
    expect([attributes.old.attributes, attributes.recent.attributes].map(word => (word >>> 15) & 0xf)).toEqual([0, 2])
    await expect(old!.send('powercap', 'POWERCAP_CPC_ATTRIBUTES')).resolves.toMatchObject({ status: NOT_FOUND })

    for (const client of [old!, recent!]) await client.powercap.POWERCAP_CAP_NOTIFY({ domain_id: 0, notify_enable: 1 })
    const cpu = server.platform.model(perfDomains).named('cpu')
    expect(cpu.level.level).toBe(3)
    const levelBecomes = async (wanted: number) => {
      await until(() => cpu.level.level === wanted, `level ${wanted}`)
      for (const client of [old!, recent!]) {
        expect(await client.perf.PERFORMANCE_LEVEL_GET({ domain_id: 0 })).toEqual({ performance_level: wanted })
      }
    }
    await old!.powercap.POWERCAP_CAP_SET({ domain_id: 0, power_cap: 2500 })
    await levelBecomes(2)
    await recent!.powercap.POWERCAP_CAP_SET({ domain_id: 0, cpli: PEAK, power_cap: 1500 })
    await levelBecomes(1)
    expect(await old!.powercap.POWERCAP_CAP_GET({ domain_id: 0 })).toEqual({ power_cap: 2500 })
    expect(await recent!.powercap.POWERCAP_CAP_GET({ domain_id: 0 })).toEqual({ power_cap: 2500 })
    expect(await recent!.powercap.POWERCAP_CAP_GET({ domain_id: 0, cpli: PEAK })).toEqual({ power_cap: 1500 })
    // The interval is PAI in 2.0, and CAI of limit 0 in 3.0.
    await old!.powercap.POWERCAP_PAI_SET({ domain_id: 0, pai: 5000 })
    expect(await recent!.powercap.POWERCAP_CAI_GET({ domain_id: 0, cpli: 0 })).toEqual({ cai: 5000 })
    expect(await recent!.powercap.POWERCAP_CAI_GET({ domain_id: 0, cpli: PEAK })).toEqual({ cai: 1000 })

    const [cap_2500, cai_5000] = [
      { power_cap: 2500, cai: 1000, cpli: 0 },
      { power_cap: 2500, cai: 5000, cpli: 0 },
    ]
    await until(() => told.recent.length === 3, 'three events of 3.0')
    expect(told.recent.map(({ reply }) => reply)).toMatchObject([
      cap_2500,
      { power_cap: 1500, cai: 1000, cpli: PEAK },
      cai_5000,
    ])
    // 2.0 has one limit, and says nothing of the other.
    expect(told.old.map(({ reply }) => reply)).toMatchObject([
      { power_cap: 2500, pai: 1000 },
      { power_cap: 2500, pai: 5000 },
    ])
  }))
