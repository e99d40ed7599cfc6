/** Everything that the control service, `ctl` and metrics offer, on a device in its own process with a real guest. */
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Guest } from '../../qemu/guest/guest.js'
import { nextNotification } from '../../qemu/guest/view/drivers.js'
import { readClocks, readHwmon } from '../../qemu/guest/view.js'
import type { AgentStats, FaultEntry } from '../../src/access/operations/shapes.js'
import { until } from '../../src/front-end/wait.js'
import { runCommand } from '../cli/command.js'
import { python } from '../control/python.js'
import { onlyValue, samplesOf } from '../support/prometheus.js'
import { readmeLines, runLine } from '../support/readme.js'
import { Terminal } from '../support/terminal.js'
import { ControlledGuest } from './controlled-guest.js'
import { KERNEL_LIMIT_MS } from './kernel.js'

const LIMIT_MS = 240_000
const WAIT_MS = 60_000

/** Protocol ids, message ids and ids of notifications. */
const POWER = 0x11
const POWER_STATE_NOTIFY = 0x6
const PERF = 0x13
const PERFORMANCE_NOTIFY_LIMITS = 0x9
const CLOCK = 0x14
const CLOCK_RATE_SET = 0x5
const CLOCK_RATE_GET = 0x6
const CLOCK_RATE_NOTIFY = 0x9
const SENSOR = 0x15
const SENSOR_TRIP_POINT_NOTIFY = 0x4
const SENSOR_TRIP_POINT_CONFIG = 0x5
const RISING = 1
/** The first notification of each protocol. */
const CHANGED = 0x0

const NOT_FOUND = -4
const BUSY = -6

const CLI = join(import.meta.dirname, '../../dist/src/cli.js')

let site: ControlledGuest
let guest: Guest
/** Ids as the agent has them, by kind and name. */
let ids: Record<string, Record<string, number>>

describe('with a guest', () => {
  beforeAll(async () => {
    site = await ControlledGuest.start()
    guest = site.guest
    const { tables } = await site.json<{ tables: Record<string, { id: number; name: string }[]> }>(
      'show',
      '--agent',
      'guest',
    )
    ids = Object.fromEntries(
      Object.entries(tables).map(([kind, rows]) => [kind, Object.fromEntries(rows.map(({ id, name }) => [name, id]))]),
    )
  }, KERNEL_LIMIT_MS)
  afterAll(() => site?.close(), LIMIT_MS)

  const uart = () => ids.clocks!.clk_uart!

  /** The guest's driver receives this notification, after others that it may have been sent before. */
  async function told(protocol: number, words: number[]): Promise<void> {
    for (let seen: number[] = []; !isDeepStrictEqual(seen, words); )
      seen = await nextNotification(guest, protocol, CHANGED)
  }

  test(
    'show: the platform, its agent, and the values that the guest sees',
    async () => {
      const shown = await site.ctl('show')
      expect(shown).toMatch(/^acme:everything, version 0x10000, on vhost-user-scmi/)
      expect(shown).toMatch(/\n {2}1 +guest +yes +\S+\/socket +base, power, system, perf … /)
      const clocks = await readClocks(guest)
      for (const { name, rateHz } of clocks) {
        if (name in ids.clocks!)
          expect(await site.json('get', `clock.${name}.rate`)).toMatchObject([{ number: rateHz }])
      }
      expect(Object.keys(ids.clocks!).filter(name => clocks.some(clock => clock.name === name)).length).toBeGreaterThan(
        3,
      )
    },
    LIMIT_MS,
  )

  test(
    'watch: what the guest changes',
    async () => {
      const watching = site.following('watch', 'clock.clk_uart.rate', 'power.pd_usb', '--json')
      await until(() => watching.stdout.includes('pd_usb'), 'the first values', WAIT_MS)
      expect((await guest.scmi(CLOCK, CLOCK_RATE_SET, [0, uart(), 48e6, 0])).status).toBe(0)
      await until(() => watching.stdout.includes('48000000'), 'the new rate', WAIT_MS)
      expect((await guest.scmi(CLOCK, CLOCK_RATE_SET, [0, uart(), 24e6, 0])).status).toBe(0)
      expect(await watching.stop('SIGINT')).toBe(0)
    },
    LIMIT_MS,
  )

  test(
    'set a clock rate: the guest that subscribed is notified, and reads it',
    async () => {
      expect((await guest.scmi(CLOCK, CLOCK_RATE_NOTIFY, [uart(), 1])).status).toBe(0)
      expect(await site.ctl('set', 'clock.clk_uart', '48MHz')).toBe('clock.clk_uart.rate is 48 MHz, guest notified')
      await told(CLOCK, [0, uart(), 48e6, 0])
      expect((await guest.scmi(CLOCK, CLOCK_RATE_GET, [uart()])).words).toEqual([48e6, 0])
    },
    LIMIT_MS,
  )

  test(
    'set a sensor: hwmon shows it, and its trip point is notified',
    async () => {
      const id = ids.sensors!.temp_soc!
      expect((await guest.scmi(SENSOR, SENSOR_TRIP_POINT_CONFIG, [id, RISING, 80_000, 0])).status).toBe(0)
      expect((await guest.scmi(SENSOR, SENSOR_TRIP_POINT_NOTIFY, [id, 1])).status).toBe(0)
      expect(await site.ctl('set', 'sensor.temp_soc', '85C')).toMatch(/^sensor\.temp_soc\.value is 85 °C/)
      await told(SENSOR, [0, id, 1 << 16])
      expect((await readHwmon(guest)).find(({ name }) => name === 'temp_soc')?.value).toBe(85)
      expect(await site.ctl('set', 'sensor.temp_soc', 'auto')).toBe('sensor.temp_soc.value is 45 °C')
      expect((await readHwmon(guest)).find(({ name }) => name === 'temp_soc')?.value).toBe(45)
    },
    LIMIT_MS,
  )

  test(
    'set the state of a power domain: the guest is notified',
    async () => {
      const id = ids.power_domains!.pd_usb!
      expect((await guest.scmi(POWER, POWER_STATE_NOTIFY, [id, 1])).status).toBe(0)
      expect(await site.ctl('set', 'power.pd_usb', 'on')).toBe('power.pd_usb.state is on, guest notified')
      await told(POWER, [0, id, 0])
      await site.ctl('set', 'power.pd_usb', 'off')
    },
    LIMIT_MS,
  )

  test(
    'set limits: cpufreq follows them, and the guest that subscribed is notified',
    async () => {
      const maximum = () => guest.readFile('/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq')
      expect(await site.ctl('set', 'perf.perf_cpu_little.max', '600')).toBe(
        'perf.perf_cpu_little.max is 600, guest notified',
      )
      await expect.poll(maximum, { timeout: WAIT_MS }).toBe('600000\n')
      await site.ctl('set', 'perf.perf_cpu_little.max', 'none')
      await expect.poll(maximum, { timeout: WAIT_MS }).not.toBe('600000\n')
      const id = ids.perf_domains!.perf_gpu!
      expect((await guest.scmi(PERF, PERFORMANCE_NOTIFY_LIMITS, [id, 1])).status).toBe(0)
      await site.ctl('set', 'perf.perf_gpu.max', '4')
      await told(PERF, [0, id, 4, 1])
    },
    LIMIT_MS,
  )

  test(
    'set a temperature and the ambient temperature: hwmon shows the result, and the platform throttles',
    async () => {
      const read = async () => (await readHwmon(guest)).find(({ name }) => name === 'temp_cpu_little')!.value
      const cool = await read()
      await site.ctl('set', 'sensor.temp_cpu_little.temperature', '75C')
      const hot = await read()
      // It falls towards ambient, with a time constant of 18 s.
      expect(hot).toBeLessThanOrEqual(75)
      expect(hot).toBeGreaterThan(cool)
      await expect.poll(() => site.ctl('get', 'perf.perf_cpu_little.max'), { timeout: WAIT_MS }).toBe('816')
      await site.ctl('set', 'sensor.temp_cpu_little.ambient', '-100C')
      await expect.poll(read, { timeout: WAIT_MS }).toBeLessThan(cool)
      await site.ctl('set', 'sensor.temp_cpu_little.ambient', '35C')
    },
    LIMIT_MS,
  )

  test(
    'notify: the guest receives a notification without a subscription',
    async () => {
      const fields = ['agent_id=0', `clock_id=${ids.clocks!.clk_xtal}`, 'rate=5GHz']
      const wrong = await runCommand(
        'ctl',
        '--control',
        site.control,
        'notify',
        'clock',
        'CLOCK_RATE_CHANGED',
        ...fields,
      )
      expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/rate: 5GHz is not a whole number/)])
      fields[2] = 'rate=5000000000'
      expect(await site.ctl('notify', 'clock', 'CLOCK_RATE_CHANGED', ...fields)).toBe('sent to guest')
      await told(CLOCK, [0, ids.clocks!.clk_xtal!, 5e9 % 2 ** 32, 1])
    },
    LIMIT_MS,
  )

  test(
    'fault: a status as often as the rule says, and a dropped reply, for which the kernel times out',
    async () => {
      const rule = ['--message', 'CLOCK_RATE_GET', '--where', `clock_id=${uart()}`, '--status', 'BUSY', '--times', '2']
      expect(await site.ctl('fault', 'add', ...rule)).toMatch(/^rule 1: message: CLOCK_RATE_GET/)
      const status = async () => (await guest.scmi(CLOCK, CLOCK_RATE_GET, [uart()])).status
      expect([await status(), await status(), await status()]).toEqual([BUSY, BUSY, 0])
      // A sensor that no thermal zone reads.
      const { path } = (await readHwmon(guest)).find(({ name }) => name === 'volt_cpu')!
      const drop = ['--message', 'SENSOR_READING_GET', '--where', `sensor_id=${ids.sensors!.volt_cpu}`, '--drop']
      await site.ctl('fault', 'add', ...drop, '--times', '1')
      expect(await guest.dmesg()).not.toContain('timed out in resp')
      // Busybox' cat tries again when its first read fails.
      expect(await guest.check(`cat ${path}`)).toMatch(/^\d+\n$/)
      expect(await guest.dmesg()).toContain('timed out in resp')
      const rules = await site.json<FaultEntry[]>('fault', 'list')
      expect(rules.map(({ id, hits, active }) => [id, hits, active])).toEqual([
        [1, 2, false],
        [2, 1, false],
      ])
      expect(await site.ctl('fault', 'remove', '1')).not.toMatch(/BUSY/)
      expect(await site.ctl('fault', 'clear')).toBe('no fault rules')
    },
    LIMIT_MS,
  )

  test(
    'messages: the guest’s messages that match the filter',
    async () => {
      const failed = site.following('messages', '--protocol', 'clock', '--failed', '--count', '1')
      const all = site.following('messages', '--message', 'CLOCK_RATE_GET', '--json')
      for (let i = 0; !failed.stdout || !all.stdout; i++) {
        expect(i).toBeLessThan(200)
        await guest.scmi(CLOCK, CLOCK_RATE_GET, [uart()])
        expect((await guest.scmi(CLOCK, CLOCK_RATE_GET, [99])).status).toBe(NOT_FOUND)
      }
      expect(await failed.ended).toBe(0)
      expect(failed.stdout).toMatch(/^guest: clock CLOCK_RATE_GET #\d+ \{clock_id: 99\} → NOT_FOUND\n$/)
      expect(await all.stop('SIGINT')).toBe(0)
      const messages = all.stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line))
      expect(messages.every(({ message, agent }) => message === 'CLOCK_RATE_GET' && agent === 'guest')).toBe(true)
    },
    LIMIT_MS,
  )

  test(
    'stats: by protocol, message and status, with histograms of times',
    async () => {
      const before = await site.stats()
      await guest.scmi(CLOCK, CLOCK_RATE_GET, [99])
      await guest.scmi(CLOCK, CLOCK_RATE_GET, [uart()])
      const after = await site.stats()
      const message = ({ protocols }: AgentStats) =>
        protocols.find(({ name }) => name === 'clock')!.messages.find(({ name }) => name === 'CLOCK_RATE_GET')!
      expect(message(after).statuses.NOT_FOUND).toBe(message(before).statuses.NOT_FOUND! + 1)
      expect(message(after).statuses.SUCCESS).toBe(message(before).statuses.SUCCESS! + 1)
      const { latency } = message(after)
      expect(latency.count).toBeGreaterThan(0)
      expect(latency.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(latency.count)
      expect(after).toMatchObject({ connections: 1, driver_starts: 1, driver_resets: 0, internal_errors: 0 })
      expect(await site.ctl('stats')).toMatch(/\n {2}connections: 1, driver starts: 1, resets: 0\n/)
    },
    LIMIT_MS,
  )

  test(
    'metrics: a scrape agrees with the statistics',
    async () => {
      // The guest's thermal zones keep reading meanwhile.
      const before = await site.scrape()
      const stats = await site.stats()
      const after = await site.scrape()
      const between = (name: string, labels: Record<string, string>, value: number): boolean => {
        const [low, high] = [before, after].map(scrape => onlyValue(scrape, name, labels))
        expect(value).toBeGreaterThanOrEqual(low!)
        expect(value).toBeLessThanOrEqual(high!)
        return low === high
      }
      const same: boolean[] = []
      for (const { name: protocol, messages } of stats.protocols) {
        for (const { name: message, statuses, latency } of messages) {
          const labels = { agent: 'guest', protocol, message }
          for (const [status, count] of Object.entries(statuses)) {
            same.push(between('scmi_messages_total', { ...labels, status }, count))
          }
          between('scmi_message_duration_seconds_count', labels, latency.count)
          between('scmi_message_duration_seconds_sum', labels, latency.sum_ns / 1e9)
        }
      }
      expect(same.filter(Boolean).length).toBeGreaterThan(20)
      expect(samplesOf(after, 'scmi_messages_total')).toHaveLength(same.length)
      between('scmi_notifications_sent_total', {}, stats.notifications_sent)
      between('scmi_fault_hits_total', {}, stats.fault_hits)
      expect(onlyValue(after, 'scmi_driver_running')).toBe(1)
      expect(onlyValue(after, 'process_resident_memory_bytes')).toBeGreaterThan(1e6)
    },
    LIMIT_MS,
  )

  test(
    "top: the guest's messages and changed values",
    async () => {
      const command = ['ctl', 'top', '--control', site.control, '--interval', '200']
      const terminal = new Terminal([process.execPath, CLI, ...command], { rows: 24, columns: 100 })
      try {
        await terminal.shows(/acme:everything .* q quits/)
        const traffic = guest.check('for i in $(seq 300); do cat /sys/class/hwmon/hwmon*/temp1_input; done')
        await terminal.shows(/sensor SENSOR_READING_GET +\d[\d.,]* +.*\d+ \ws/)
        await terminal.shows(/sensor\.temp_board\.value +-?\d+\.?\d* °C/)
        terminal.type('q')
        await until(() => terminal.code === 0, 'top to end', WAIT_MS)
        await traffic
      } finally {
        terminal.close()
      }
    },
    LIMIT_MS,
  )

  test(
    'trace: started and stopped, with the guest’s messages in between',
    async () => {
      const file = join(site.folder, 'trace')
      expect(await site.ctl('trace', 'start', file)).toContain(`recording to ${file}`)
      await guest.scmi(CLOCK, CLOCK_RATE_GET, [98])
      expect(await site.ctl('trace', 'status')).toContain(`recording to ${file}`)
      expect(await site.ctl('trace', 'stop')).toMatch(/^recorded .*: \d+ messages, \d+ bytes$/)
      const { stdout } = await runCommand('trace', 'show', file, '--filter', 'status=NOT_FOUND')
      expect(stdout).toMatch(/guest clock CLOCK_RATE_GET\(clock_id=98\)/)
    },
    LIMIT_MS,
  )

  test(
    'a client in Python that knows only the socket reads, sets and listens',
    async () => {
      const call = (method: string, request: object) => python(site.control, method, JSON.stringify(request))
      expect(await call('Set', { address: 'sensor.temp_soc', value: '77 C' })).toMatchObject([
        { reading: { number: 77, unit: '°C' } },
      ])
      expect((await readHwmon(guest)).find(({ name }) => name === 'temp_soc')?.value).toBe(77)
      let isDone = false
      const listening = call('StreamMessages', { messages: ['CLOCK_RATE_GET'], failed: true }).finally(() => {
        isDone = true
      })
      for (let i = 0; !isDone && i < 200; i++) await guest.scmi(CLOCK, CLOCK_RATE_GET, [97])
      expect(await listening).toMatchObject([
        { messages: [{ agent: 'guest', status_name: 'NOT_FOUND', request: { clock_id: 97 } }] },
      ])
      expect(await call('GetStats', {})).toMatchObject([{ agents: [{ agent: 'guest', driver_starts: '1' }] }])
    },
    LIMIT_MS,
  )

  test(
    'errors are one line that says what to do, and the guest notices nothing',
    async () => {
      const { folder, control } = site
      const file = join(folder, 'one-writer')
      await site.ctl('trace', 'start', file)
      const ctl = (...args: string[]) => runCommand('ctl', '--control', control, ...args)
      const other = (...args: string[]) => runCommand('--socket-path', join(folder, 'other'), ...args)
      const told = await Promise.all([
        ctl('set', 'clock.clk_uart', '25MHz'),
        ctl('set', 'clock.clk_foo', '24MHz'),
        ctl('trace', 'start', `${file}2`),
        other('--trace', file),
        other('--control', control),
      ])
      await site.ctl('trace', 'stop')
      told.push(await ctl('trace', 'start', '/dev/full'))
      expect(told.map(({ code, stdout, stderr }) => [code, stdout, stderr])).toEqual([
        [2, '', "vhost-user-scmi: clock.clk_uart.rate can't be 25MHz; allowed: 1.8432 MHz, 24 MHz, 48 MHz\n"],
        [
          2,
          '',
          expect.stringMatching(/^vhost-user-scmi: there is no clock\.clk_foo; there are clock\.clk_xtal, .*\n$/),
        ],
        [1, '', `vhost-user-scmi: a trace is being recorded to ${file}; stop it before you start another\n`],
        [2, '', `vhost-user-scmi: ${file}: another trace is being written to it; give another file or stop that one\n`],
        [2, '', expect.stringMatching(/ is served by a running process; stop it or give another --control\n$/)],
        [1, '', 'vhost-user-scmi: /dev/full: no space left on device; free some space, or give a file elsewhere\n'],
      ])
      expect((await guest.scmi(CLOCK, CLOCK_RATE_GET, [uart()])).status).toBe(0)
    },
    LIMIT_MS,
  )

  test(
    "README's commands do what it says; at the end the guest powers off in order",
    async () => {
      const [start, ...commands] = readmeLines('--metrics 9100')
      expect(start).toMatch(/^npx vhost-user-scmi --socket-path \S+ --platform everything --control --metrics 9100 &$/)
      expect(commands).toHaveLength(8)
      const [, port] = /metrics: http:.*:(\d+)/.exec(site.device.stderr)!
      for (const line of commands) {
        const local = line.replace('/tmp', site.folder).replace('9100', port!)
        const { code, stdout, stderr } = await runLine(local, { VHOST_USER_SCMI_CONTROL: site.control })
        expect([code, stderr], line).toEqual([0, ''])
        expect(stdout, line).not.toBe('')
      }
      await guest.waitForConsole(/Serving shutdown\/reboot request: 0/, WAIT_MS)
      expect(await guest.vm.exited).toBe('QEMU exited with status 0')
      expect(guest.console).toMatch(/reboot: Power down/)
    },
    LIMIT_MS,
  )
})
