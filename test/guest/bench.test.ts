/** `scmi-lab bench` as users run it: real guests, short measurements, our device and others. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LabBenchResult } from '../../qemu/bench/result.js'
import { WORKLOADS, workOf } from '../../qemu/bench/workloads.js'
import { boot } from '../../qemu/boot/boot.js'
import type { Server } from '../../qemu/devices/device.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { LabCommand } from './lab-command.js'

const LIMIT_MS = 180_000
/** A command that acts as another back end. */
const DEVICE = `${process.execPath} ${join(import.meta.dirname, '../../dist/src/cli.js')} --socket-path {socket}`

let kernel: string
/** For files of the commands that the tests start. */
const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-bench-'))
const platforms = mkdtempSync(join(tmpdir(), 'scmi-lab-bench-platforms-'))
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)
afterAll(() => {
  for (const path of [folder, platforms]) rmSync(path, { recursive: true })
})
afterEach(() => {
  expect(readdirSync(folder)).toEqual([])
  expect(processesIn(folder)).toBe('')
})

/** Processes with a path below this folder in their command line, such as QEMU's and back ends'. */
function processesIn(path: string): string {
  const lines = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n')
  return lines.filter(line => line.includes(path)).join('\n')
}

const benchCommand = (...args: string[]) => new LabCommand(['bench', '--kernel', kernel, ...args], { TMPDIR: folder })

async function measured(...args: string[]): Promise<LabBenchResult> {
  const command = benchCommand('--seconds', '1', '--json', ...args)
  expect(await command.ended, command.stderr).toBe(0)
  return JSON.parse(command.stdout) as LabBenchResult
}

/** What must hold for a measurement on any machine. */
function expectSane({ rows }: LabBenchResult): void {
  for (const { processes, rate, messages, latencyUs, cpuUs } of rows) {
    const { mean, p50, p99, max } = latencyUs
    expect(messages).toBeGreaterThanOrEqual(processes)
    expect([p50, p99, max]).toEqual([p50, p99, max].sort((a, b) => a - b))
    // Little's law: each process waits for one reply at a time, and does little else.
    expect((rate * mean) / 1e6).toBeLessThan(processes * 1.1)
    expect(mean).toBeLessThanOrEqual(max)
    expect(p50).toBeGreaterThan(0)
    expect(cpuUs.backEnd).toBeGreaterThan(0)
    expect(cpuUs.qemu).toBeGreaterThan(0)
  }
}

describe('a measurement', () => {
  test(
    'sends one message of its kind per operation',
    async () => {
      const guest = await boot({ kernel, platform: 'demo' })
      try {
        const kinds = { hwmon: 'SENSOR_READING_GET', clock: 'CLOCK_RATE_GET', raw: 'PROTOCOL_VERSION' }
        for (const workload of WORKLOADS) {
          const { words } = (await workOf[workload](guest))!
          const before = succeeded(guest.server!, kinds[workload])
          const text = await guest.check(`scmi-bench 300 3 ${words.join(' ')}`)
          const count = Number(/^count (\d+) ns \d+ mean \d+ p50 \d+ p99 \d+ max \d+$/m.exec(text)?.[1])
          // Each process sends once before the measurement, and the kernel may read a sensor by itself.
          const messages = succeeded(guest.server!, kinds[workload]) - before - 3
          expect(messages, workload).toBeGreaterThanOrEqual(count)
          expect(messages, workload).toBeLessThan(count + 10)
        }
      } finally {
        await guest.close()
      }
    },
    LIMIT_MS,
  )

  test(
    'of our device shows the device’s own part',
    async () => {
      const result = await measured('--processes', '1,3')
      expectSane(result)
      expect(result.rows.map(({ load, processes }) => `${load} ${processes}`)).toEqual(
        ['hwmon', 'clock', 'raw'].flatMap(load => [`${load} 1`, `${load} 3`]),
      )
      for (const { deviceUs, latencyUs } of result.rows) {
        expect(deviceUs).toBeGreaterThan(0)
        expect(deviceUs).toBeLessThan(latencyUs.mean)
      }
      expect(result.guestKernel).toMatch(/^\d+\.\d+/)
      expect(result.backEnd).toBeUndefined()
    },
    LIMIT_MS,
  )

  test(
    'of another back end shows its CPU time only; printed as a table',
    async () => {
      const args = ['--seconds', '1', '--processes', '2', '--load', 'raw', '--backend', DEVICE]
      const command = benchCommand(...args)
      expect(await command.ended, command.stderr).toBe(0)
      expect(command.stdout).toContain(`platform demo, 1 s each, back end: ${DEVICE}`)
      expect(command.stdout).toMatch(/^LOAD +ASKS FOR +PROCESSES +RATE +P50 +P99 +MAX +MEAN +BACK END CPU +QEMU CPU$/m)
      expect(command.stdout).toMatch(/^raw +base PROTOCOL_VERSION +2 +[\d.]+ k?\/s /m)
      expect(command.stderr).toMatch(/^bench: base PROTOCOL_VERSION, 2 processes/m)
    },
    LIMIT_MS,
  )

  test(
    'leaves out a load that the platform does not have, and says so',
    async () => {
      const platform = join(platforms, 'clock.yaml')
      writeFileSync(platform, 'vendor: us\nclocks: [{ name: only, rates: [1 MHz] }]\n')
      const args = ['--seconds', '1', '--processes', '1', '--platform', platform, '--load', 'hwmon,raw']
      const command = benchCommand(...args)
      expect(await command.ended, command.stderr).toBe(0)
      expect(command.stderr).toContain('hwmon: the guest has no such thing, left out')
      expect(command.stdout).not.toMatch(/^hwmon/m)
      expect(command.stdout).toMatch(/^raw/m)
    },
    LIMIT_MS,
  )
})

const succeeded = (server: Server, name: string): number =>
  server
    .stats()
    .flatMap(({ protocols }) => protocols.flatMap(({ messages }) => messages))
    .filter(message => message.name === name)
    .reduce((sum, message) => sum + message.succeeded, 0)

describe('a back end', () => {
  test.each([
    {
      why: 'that is not there',
      backEnd: 'nothing-there {socket}',
      code: 1,
      says: /ended with exit status 127\n--- what it said\n.*not found/,
    },
    {
      why: 'that never listens',
      // Longer than the test may take: it has to be ended.
      backEnd: 'sleep 1000 && echo {socket}',
      code: 1,
      says: /does not listen on \S+ after 10 s$/,
    },
    {
      why: 'that ends when it is used',
      backEnd: `${process.execPath} -e "require('net').createServer(() => process.exit(3)).listen(process.argv[1])" {socket}`,
      code: 1,
      says: /the back end ended with exit status 3$/,
    },
    {
      why: 'without a place for the socket',
      backEnd: 'device',
      code: 2,
      says: /--backend "device": write \{socket\} where the path/,
    },
  ])('$why is told', { timeout: LIMIT_MS }, async ({ backEnd, code, says }) => {
    const command = benchCommand('--seconds', '1', '--backend', backEnd)
    expect(await command.ended).toBe(code)
    expect(command.stderr.trimEnd()).toMatch(says)
    expect(command.stderr).not.toMatch(/\n\s+at /)
    expect(command.stdout).toBe('')
  })
})

test.each([
  { args: ['--processes', '9'], says: 'Write a whole number from 1 to 8.' },
  { args: ['--load', 'gpio'], says: 'Write one or more of hwmon, clock, raw, with commas.' },
  { args: ['--seconds', '0'], says: 'Write a whole number from 1 to 3600.' },
  { args: ['--kernel', '1.0'], says: '--kernel 1.0: no such file; versions are ' },
  { args: ['--platform', 'none'], says: 'there is no such preset' },
])('$args is refused in a line', async ({ args, says }) => {
  const command = benchCommand(...args)
  expect(await command.ended).toBe(2)
  const lines = command.stderr.split('\n').filter(line => line.startsWith('scmi-lab: '))
  expect(lines).toEqual([expect.stringContaining(says)])
})

test('SIGINT ends it, with the guest and the back end', { timeout: LIMIT_MS }, async () => {
  const command = benchCommand('--seconds', '60', '--backend', DEVICE)
  await command.said(/^bench: sensor .*one process/m)
  expect(processesIn(folder).split('\n').length).toBeGreaterThanOrEqual(2)
  command.child.kill('SIGINT')
  expect(await command.ended).toBe(130)
})
