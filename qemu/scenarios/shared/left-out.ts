import type { Context } from '../../runner/context.js'
import { countsOf, cpu, SHARED, setLevel } from '../../runner/fast-channels.js'
import { boards } from '../../runner/firmware.js'
import { expectSaid } from '../../runner/readings.js'

/** Memory that the guest's kernel manages: it maps no device there. */
const RAM = 0x4800_0000

const FALLS_BACK = 'driver.c:scmi_common_fastchannel_init warns, and leaves the channel out: messages are sent'
const WARNS = '(Failed to get FC for protocol 13 .*Using regular messaging)'

/** The level is set, by messages alone. */
async function expectMessages(t: Context): Promise<void> {
  for (const level of [600, 1800]) await setLevel(t, FALLS_BACK, level)
  await t.expect('levels are set by message', {
    because: FALLS_BACK,
    got: () => countsOf(t, 'PERFORMANCE_LEVEL_SET'),
    is: ({ messages, writes }) => messages > 0 && writes === 0,
  })
}

export default boards({
  'does-not-fit': {
    summary: 'a channel of 5 bytes: the kernel says so, and sends messages',
    platform: {
      ...cpu(true),
      faults: [{ message: 'PERFORMANCE_DESCRIBE_FASTCHANNEL', fields: { chan_size: 5 } }],
    },
    async run(t: Context) {
      await expectSaid(t, FALLS_BACK, WARNS)
      await expectMessages(t)
    },
  },
  refused: {
    summary: 'channels are announced, and refused when the kernel asks for them: it says so, and sends messages',
    platform: {
      ...cpu(true),
      faults: [{ message: 'PERFORMANCE_DESCRIBE_FASTCHANNEL', status: 'NOT_SUPPORTED' }],
    },
    async run(t: Context) {
      await expectSaid(t, FALLS_BACK, WARNS)
      await expectMessages(t)
    },
  },
  'doorbell-in-ram': {
    summary:
      'a doorbell where the kernel maps no device: the kernel says so, leaves out the channel, and sends messages',
    platform: {
      ...cpu(true),
      faults: [{ message: 'PERFORMANCE_DESCRIBE_FASTCHANNEL', fields: { db_addr_low: RAM } }],
    },
    allows: {
      console: [{ pattern: /ioremap|__ioremap_prot/, because: 'arm64 maps no RAM as a device: WARN_ONCE' }],
    },
    async run(t: Context) {
      await expectSaid(t, FALLS_BACK, WARNS)
      await expectMessages(t)
    },
  },
  missing: {
    summary: 'the shared memory is not in the RAM of the guest: no channel is announced, and the kernel sends messages',
    platform: { ...cpu(true), shared_memory: { ...SHARED, address: 0x7000_0000 } },
    allows: {
      platform: [
        {
          pattern: /shared memory 0x70000000.* is not the guest's memory/,
          because: 'that is what the scenario is about',
        },
      ],
    },
    async run(t: Context) {
      await t.expect('the kernel complains of no channel', {
        because: 'perf.c asks for channels only if the domain says that it has some',
        got: () => t.call('said', ['Failed to get FC']),
        is: '',
      })
      await expectMessages(t)
    },
  },
  mapped: {
    summary: 'the device tree reserves the region without no-map: the kernel refuses to map it, and sends messages',
    platform: cpu(true),
    machine: { reserving: 'mapped' as const },
    allows: {
      console: [{ pattern: /ioremap|__ioremap_prot/, because: 'arm64 maps no RAM as a device: WARN_ONCE' }],
    },
    async run(t: Context) {
      await expectSaid(t, FALLS_BACK, WARNS)
      await expectMessages(t)
    },
  },
})
