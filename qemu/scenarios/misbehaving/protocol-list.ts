import type { FaultRule } from '../../../src/faults/rules/rule.js'
import { expectClients, rediscover } from '../../runner/discovery.js'
import { expectSaid, READABLE } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'

const LIST: FaultRule = { protocol: 'base', message: 'BASE_DISCOVER_LIST_PROTOCOLS' }
const ATTRIBUTES: FaultRule = { protocol: 'base', message: 'PROTOCOL_ATTRIBUTES' }
/** The index of the word in both replies that has the count. */
const COUNT = 2
const attributes = (protocols: number): number => (1 << 8) | protocols

const ALL = /scmi-clocks[\s\S]*scmi-hwmon/
const NONE = ''

interface Lie {
  what: string
  rules: FaultRule[]
  says?: string
  clients: string | RegExp
  because: string
}

const TOO_MANY = 'No. Returned protocols > Total protocols'
const LIST_GET = 'base.c:scmi_base_implementation_list_get'

/** The platform has two protocols, sensors and clocks; their ids fill one word. */
export default family<{ about: string; lies: Lie[]; tags?: string[] }>(
  {
    count: {
      about: 'the number of protocols in the list',
      tags: ['ci'],
      lies: [
        {
          what: 'one more than there are in all',
          rules: [{ ...LIST, words: { [COUNT]: 3 } }],
          says: TOO_MANY,
          clients: NONE,
          because: `${LIST_GET} ignores such a list`,
        },
        {
          what: 'as many as a word can say',
          rules: [{ ...LIST, words: { [COUNT]: 0xffff_ffff } }],
          says: TOO_MANY,
          clients: NONE,
          because: `${LIST_GET} checks the number before it computes with it`,
        },
        {
          what: 'none',
          rules: [{ ...LIST, words: { [COUNT]: 0 } }],
          says: 'SCMI protocol 21 not implemented',
          clients: NONE,
          because: `${LIST_GET} stops at an empty list`,
        },
      ],
    },
    length: {
      about: 'the length of the list',
      lies: [
        {
          what: 'it ends after the count',
          rules: [{ ...LIST, truncate: 12 }],
          says: 'Truncated reply',
          clients: NONE,
          because: `${LIST_GET} needs at least one word of ids`,
        },
        {
          what: 'it is shorter than its count',
          rules: [
            { ...ATTRIBUTES, words: { [COUNT]: attributes(8) } },
            { ...LIST, words: { [COUNT]: 8 } },
          ],
          says: 'Malformed reply',
          clients: NONE,
          because: `${LIST_GET} compares the length with the count`,
        },
        {
          what: 'it is longer than its count',
          rules: [{ ...LIST, extend: 8 }],
          says: 'Malformed reply',
          clients: ALL,
          because: `${LIST_GET} warns, and takes as many ids as the count says`,
        },
      ],
    },
    total: {
      about: 'the number of protocols',
      lies: [
        {
          what: 'none',
          rules: [{ ...ATTRIBUTES, words: { [COUNT]: attributes(0) } }],
          says: TOO_MANY,
          clients: NONE,
          because: `${LIST_GET} has no room for any`,
        },
        {
          what: 'more than the lists ever have',
          rules: [{ ...ATTRIBUTES, words: { [COUNT]: attributes(255) } }],
          clients: ALL,
          because: `${LIST_GET} stops when the platform has no more, and takes what it got`,
        },
      ],
    },
  },
  ({ about, lies, tags = [] }) => ({
    summary: `discovery: the platform lies about ${about}: the kernel takes no protocol from beyond the list`,
    tags,
    platform: { ...READABLE, clocks: [{ name: 'xtal', rate: '24 MHz' }] },
    async run(t) {
      for (const { what, rules, says, clients, because } of lies) {
        await t.step(`the platform lies about ${about}: ${what}`)
        t.server.faults.clear()
        for (const rule of rules) t.server.faults.add(rule)
        await rediscover(t)
        if (says) await expectSaid(t, because, says)
        await expectClients(t, `${what}: the clients that are right`, because, clients)
      }
      await t.step('the platform is honest')
      t.server.faults.clear()
      await rediscover(t)
      await expectClients(t, 'an honest platform has its clients', 'driver.c:scmi_probe asks anew', ALL)
    },
  }),
  ['count'],
)
