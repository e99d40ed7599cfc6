/**
 * The round trip of a board: Linux boots on a preset with its own SCMI events traced from the start, a platform file is learned
 * from the text of that trace, and Linux boots on the learned file. Both kernels must ask the same and be told the same while
 * they probe. `npm run round-trip` does it for every preset; the suite does it for two.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { KERNEL_TRACE_WORDS } from '../../qemu/kernel-trace/recorder.js'
import { learn } from '../../src/learn/learn.js'
import { readTraces } from '../../src/learn/read.js'
import { RECORD_SCRIPT } from '../../src/learn/record-script.js'
import { presetNames } from '../../src/platform/file/presets.js'
import { silentProgress } from '../../src/support/progress.js'
import { type ChangedGroup, diffRecordings } from '../../src/trace/diff.js'
import { type Recording, readTrace, type TracedMessage } from '../../src/trace/reader.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const SHORT = ['demo', 'juno']
const presets = process.env.SCMI_ROUND_TRIP === 'all' ? presetNames() : SHORT
const LIMIT_MS = 900_000
const BOOT_LIMIT_MS = 300_000
/** What is not compared: times, and where fast channels lie, which is up to the lab. */
const OWN = new Set(['timestamp', 'chan_addr_low', 'chan_addr_high', 'db_addr_low', 'db_addr_high'])
/** As slow as firmware is: without it answers overtake the kernel's dump of their requests. */
const ANSWER_DELAY = '200 us'

let kernel: string
const folder = mkdtempSync(join(tmpdir(), 'scmi-learn-'))
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)
afterAll(() => rmSync(folder, { recursive: true }))

interface Booted {
  /** The kernel's trace. */
  text: string
  /** The device's. */
  recording: Recording
}

async function bootTraced({ platform }: { platform: string }, name: string): Promise<Booted> {
  const path = join(folder, `${name}.pftrace`)
  let started: Promise<unknown> | undefined
  const guest = await boot({
    kernel,
    platform,
    limitMs: BOOT_LIMIT_MS,
    append: KERNEL_TRACE_WORDS.map(word => word.replace('4M', '16M')),
    onServer(server) {
      started = server.startTrace(path)
      server.faults.add({ delay: ANSWER_DELAY })
    },
  })
  try {
    await started
    // As a user does on the board.
    await guest.writeFile('/record.sh', RECORD_SCRIPT)
    await guest.check('cd /tmp && sh /record.sh', { timeoutMs: BOOT_LIMIT_MS })
    const text = await guest.readFile('/tmp/scmi-trace.txt')
    await guest.server!.trace!.stop()
    return { text: String(text), recording: namelessly(readTrace(path)) }
  } finally {
    await guest.close()
  }
}

/** Messages are compared by agent; the name of the only one may not be in the trace. */
function namelessly({ events, ...rest }: Recording): Recording {
  return { ...rest, events: events.map(event => (event.what === 'message' ? { ...event, agent: 'guest' } : event)) }
}

/**
 * What may differ, and why: values that change with time or load on the presets, and are constants in what was learned. Names,
 * rates, levels and errors are not among them.
 */
const MAY_DIFFER: readonly { because: string; is(message: TracedMessage, isInBoth: boolean): boolean }[] = [
  {
    because: 'readings of sensors change with time, and their timestamps do',
    is: ({ message, status }) => message === 'SENSOR_READING_GET' && status === 'SUCCESS',
  },
  {
    because: 'the platform sends updates at its own times',
    is: ({ kind, message }) => kind === 'notification' && message === 'SENSOR_UPDATE',
  },
  {
    // A permission shows when it is used. Without it the lab's device tree lets Linux set the level, so that Linux reads it once more.
    because: 'the trace does not tell that agents may not set a level that nobody has tried to set',
    is: ({ message }, isInBoth) => message === 'VOLTAGE_LEVEL_GET' && isInBoth,
  },
  {
    because: 'measurements change with the load',
    is: ({ message, status }) => message === 'POWERCAP_MEASUREMENTS_GET' && status === 'SUCCESS',
  },
  {
    // Two of six boots of `everything` on one file did so.
    because:
      'Linux tries to turn off an unused domain again after a refusal, when something else happens to wake its work',
    is: ({ message, status }, isInBoth) => message === 'POWER_STATE_SET' && status === 'DENIED' && isInBoth,
  },
  {
    because: "the clock's time",
    is: ({ message, status }) => message === 'IMX_BBM_RTC_TIME_GET' && status === 'SUCCESS',
  },
]

/** Only messages of one of the traces, without those whose counterpart has other readings. */
function unexplained(groups: readonly ChangedGroup[], one: Recording, two: Recording): string[] {
  const [first, second] = [textsOf(one), textsOf(two)]
  return groups.flatMap(({ protocol, changes }) =>
    changes.flatMap(({ sign, message }) => {
      const isInBoth = first.has(textOf(message)) && second.has(textOf(message))
      if (MAY_DIFFER.some(({ is }) => is(message, isInBoth))) return []
      return `${sign} ${protocol} ${textOf(message)}`
    }),
  )
}

const textsOf = ({ events }: Recording): ReadonlySet<string> =>
  new Set(events.flatMap(event => (event.what === 'message' ? textOf(event) : [])))

/** What was asked and told. */
const textOf = ({ message, request, status, reply }: TracedMessage): string =>
  `${message} ${JSON.stringify(request, big)} ${status} ${JSON.stringify(reply, big)}`

const big = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

test.each(presets)(
  '%s',
  async preset => {
    const board = await bootTraced({ platform: preset }, preset)
    const file = join(folder, `${preset}.txt`)
    writeFileSync(file, board.text)
    const heard = readTraces([file], { progress: silentProgress })
    const plugins = (board.recording.about.origin.plugins ?? []).map(({ name }) => name)
    const learned = await learn(heard, { plugins, names: [`${preset}.txt`], progress: silentProgress })
    const yaml = join(folder, `${preset}.yaml`)
    writeFileSync(yaml, learned.text)
    if (process.env.SCMI_ROUND_TRIP_KEEP) {
      for (const path of [file, yaml])
        writeFileSync(join(process.env.SCMI_ROUND_TRIP_KEEP, path.slice(folder.length + 1)), readFileSync(path))
    }
    const again = await bootTraced({ platform: yaml }, `${preset}-learned`)
    const groups = diffRecordings(board.recording, again.recording, OWN)
    const changes = groups.flatMap(({ changes }) => changes).length
    console.log(
      `${preset}: ${learned.messages} messages, ${learned.recorded} recorded answers, ${learned.differing} answers differ in the file; ${changes} messages differ between the boots`,
    )
    for (const remark of heard.remarks) console.log(`  ${remark}`)
    expect(unexplained(groups, board.recording, again.recording)).toEqual([])
  },
  LIMIT_MS,
)
