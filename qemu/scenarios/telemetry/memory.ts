import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../runner/context.js'
import { family, type KernelNeeds } from '../../runner/scenario.js'
import { type Scan, TdcfReader } from '../../runner/tdcf-reader.js'

const TELEMETRY = 0x1b
const [LIST_SHMTI, DE_CONFIGURE, CONFIG_SET] = [0x3, 0x6, 0x8]
const NOBODY = 0xffff_ffff
const ON_WITH_TIMESTAMP = 2
const ALL_ON = 0x41
const NOTIFY_ALL = 0x43
const MS_10 = 0x15d
const MS_1 = 0x3d
const READS = 10_000
const EVENT = 0x100
const CLOCK = 0x101
const AGAIN = 0x102
const MESSAGE = 0x200

/** Grows by more than 32 bits hold, in seconds. */
const RAMP = { ramp: { from: 0, to: 9e15, period: '1000 s' } }

const PLATFORM = {
  vendor: 'lab',
  shared_memory: {},
  clocks: [{ name: 'cpu', rates: ['1 GHz', '2 GHz'], rate: '1 GHz', critical: true }],
  telemetry: {
    update_intervals: ['1 ms', '10 ms', '100 ms'],
    update_interval: '100 ms',
    single_read: { latency: '30 ms' },
    events: [
      { id: EVENT, name: 'ramp', value: RAMP, timestamp: 'block' },
      { id: AGAIN, name: 'again', value: RAMP },
      { id: CLOCK, name: 'rate', value: { rate_of: 'cpu' } },
      { id: MESSAGE, name: 'message', value: 5, via: 'message' },
    ],
  },
}

interface Area {
  address: number
  length: number
}

/** Sends a message that has to succeed. */
async function ask(t: Context, message: number, ...words: number[]): Promise<number[]> {
  const reply = await t.guest.scmi(TELEMETRY, message, words)
  if (reply.status !== 0) throw new Error(`message ${message} is answered with ${reply.status}`)
  return reply.words
}

async function firstArea(t: Context): Promise<Area> {
  const [, , low = 0, high = 0, length = 0] = await ask(t, LIST_SHMTI, 0)
  return { address: low + high * 2 ** 32, length }
}

/** What the guest's memory has there: QEMU reads it, by the guest's addresses. */
async function scan(t: Context, { address, length }: Area): Promise<Scan> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-'))
  try {
    const filename = join(folder, 'area')
    for (;;) {
      await t.qmp.execute('pmemsave', { val: address, size: length, filename })
      const words = new Int32Array(Uint8Array.from(readFileSync(filename)).buffer)
      // The copy may have been made during an update.
      if (words[1] === words[words.length - 2]) return new TdcfReader(words, 0, length).scan()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const lineOf = ({ lines }: Scan, id: number) => lines.find(line => line.id === id && (line.metadata & 0xf0) === 0)

const OFF_THE_LIST =
  'Linux 7.3 has no driver for it: raw messages ask, and QEMU reads the memory by the guest’s addresses'

interface Member {
  summary: string
  kernel?: KernelNeeds
  run(t: Context): Promise<void>
}

export default family<Member>(
  {
    values: {
      summary: 'enabled data events have lines in the guest’s memory, which change at the interval',
      async run(t) {
        const area = await firstArea(t)
        await t.expect('the area is there, and without lines', {
          because: OFF_THE_LIST,
          got: async () => (await scan(t, area)).lines.map(({ metadata }) => metadata),
          is: [0x10],
        })
        await ask(t, DE_CONFIGURE, EVENT, ON_WITH_TIMESTAMP)
        await ask(t, DE_CONFIGURE, CLOCK, 1)
        await ask(t, CONFIG_SET, NOBODY, ALL_ON, MS_10)
        const before = await scan(t, area)
        await t.expect('value, timestamp and sequence go on', {
          because: 'updates come every 10 ms while telemetry is on',
          got: async () => {
            const now = await scan(t, area)
            const [was, is] = [lineOf(before, EVENT)!, lineOf(now, EVENT)!]
            return is.value > was.value && is.timestamp! > was.timestamp! && now.sequence > before.sequence
          },
          is: true,
          withinMs: 5000,
        })
        await t.expect('a clock’s rate is that of the clock', {
          because: 'the event is bound to it',
          got: async () => lineOf(await scan(t, area), CLOCK)!.value,
          is: 1_000_000_000n,
        })
        await t.guest.scmi(0x14, 0x5, [0, 0, 2e9, 0])
        await t.expect('a new rate is there', {
          because: 'the event is bound to the clock',
          got: async () => lineOf(await scan(t, area), CLOCK)!.value,
          is: 2_000_000_000n,
          withinMs: 5000,
        })
        await ask(t, DE_CONFIGURE, CLOCK, 0)
        await t.expect('a disabled event is a hole', {
          because: 'Linux takes every other line for enabled',
          got: async () => lineOf(await scan(t, area), CLOCK),
          is: undefined,
        })
      },
    },
    notifications: {
      summary: 'what comes by message is in the notifications, at the interval',
      async run(t) {
        await ask(t, DE_CONFIGURE, MESSAGE, 1)
        await ask(t, CONFIG_SET, NOBODY, NOTIFY_ALL, MS_10)
        await t.expect('a notification has the line', {
          because: 'driver.c:scmi_handle_notification gives each to the raw mode',
          got: () => t.call('next_notification'),
          is: 'notification 0x00 of protocol 0x1b 0x00000000 0x00000000 0x00000004 0x00000000 0x00000200 0x00000005 0x00000000',
        })
        await ask(t, CONFIG_SET, NOBODY, 0x40, MS_10)
        await t.expect('a single reading has it in its delayed response', {
          because: 'driver.c:scmi_handle_response gives delayed responses to the raw mode',
          got: () => t.call('single_reading'),
          is: /delayed 0 \(SUCCESS\) 0x00000004 0x00000000 0x00000200 0x00000005 0x00000000$/,
        })
      },
    },
    reader: {
      summary: 'a program of the guest reads an area 10,000 times while it is written: no value is half new',
      kernel: { config: ['CONFIG_DEVMEM=y'] },
      async run(t) {
        const { address, length } = await firstArea(t)
        for (const id of [EVENT, AGAIN]) await ask(t, DE_CONFIGURE, id, 1)
        await ask(t, CONFIG_SET, NOBODY, ALL_ON, MS_1)
        await t.expect('both lines of one source have one value, in every reading', {
          because: 'the sequence vouches for all lines between start and end',
          got: () => t.call('read_often', [address, length, READS], { timeoutMs: 120_000 }),
          is: `${READS} reads 0 torn`,
        })
      },
    },
    'no-region': {
      summary: 'without the reserved region all events come by message',
      async run(t) {
        const { status } = await t.guest.scmi(TELEMETRY, LIST_SHMTI, [0])
        await t.expect('there is no area', { because: 'the guest lacks the memory', got: () => status, is: -1 })
        await ask(t, DE_CONFIGURE, CLOCK, 1)
        await t.expect('a single reading has the value', {
          because: 'the platform goes on by message',
          got: () => t.call('single_reading'),
          is: /0x00000004 0x00000000 0x00000101 0x3b9aca00 0x00000000$/,
        })
      },
    },
  },
  ({ summary, kernel = {}, run }, name) => ({
    summary,
    kernel,
    tags: name === 'values' ? ['ci'] : [],
    platform: name === 'no-region' ? { ...PLATFORM, shared_memory: { address: 0x1_0000_0000 } } : PLATFORM,
    ...(name === 'no-region'
      ? { allows: { platform: [{ pattern: /shared memory/, because: 'the region is not in the guest’s memory' }] } }
      : {}),
    run,
  }),
  ['values', 'notifications'],
)
