import type { Context } from '../../runner/context.js'
import { scenario } from '../../runner/scenario.js'

const LOW = 600
const HIGH = 1200
const LIMIT_MS = 10_000

/** A guest sets the range of levels: PERFORMANCE_LIMITS_SET with maximum and minimum. */
async function setMaximum(t: Context, level: number): Promise<void> {
  const got = () => t.call('raw', ['0x13', '0x5', '0', level, LOW])
  await t.expect(`the limit becomes ${level}`, { because: 'each agent may set limits', got, is: /^status 0 / })
}

async function expectMaximum(t: Context, what: string, because: string, level: number): Promise<void> {
  await t.expect(what, { because, got: () => t.call('max_khz'), is: String(level * 1000), withinMs: LIMIT_MS })
}

export default scenario({
  summary: 'one guest limits a performance domain that two guests share: the other is notified, and its cpufreq obeys',
  tags: ['ci'],
  platform: {
    vendor: 'acme',
    perf_domains: [
      {
        name: 'cpu',
        levels: [
          { level: LOW, power: 100, frequency: '600 MHz' },
          { level: HIGH, power: 400, frequency: '1.2 GHz' },
        ],
        level: LOW,
      },
    ],
    agents: [{ name: 'first' }, { name: 'second' }],
  },
  // Linux 6.12 does not subscribe.
  kernel: { releases: '>=7.2' },
  machine: { cpus: 1 },
  guests: ['second'],

  async run(t) {
    const second = t.agent('second')
    const whole = 'scmi-cpufreq.c:scmi_cpufreq_init takes the levels of the domain'
    for (const [name, one] of Object.entries({ first: t, second })) {
      await expectMaximum(one, `cpufreq of the ${name} guest has all levels`, whole, HIGH)
    }
    const because = 'scmi-cpufreq.c:scmi_limit_notify_cb gets PERFORMANCE_LIMITS_CHANGED, and updates its request'
    await t.step('the first guest lowers the limit')
    await setMaximum(t, LOW)
    await expectMaximum(second, 'cpufreq of the second guest obeys', because, LOW)
    await t.step('the first guest raises it again')
    await setMaximum(t, HIGH)
    await expectMaximum(second, 'cpufreq of the second guest is free again', because, HIGH)
  },
})
