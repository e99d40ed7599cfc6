/** `vhost-user-scmi ctl` as a user runs it, on a device with a driver. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { until } from '../../src/front-end/wait.js'
import { leaveStale } from '../control/dead-socket.js'
import { CLOCK, type ControlRig, nextEvents, SENSOR, SYSTEM, setUp } from '../control/rig.js'
import { inFolder, RunningCommand, runCommand } from './command.js'

const UART = 1

// Each command is a process of its own, which starts slowly on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

/** Runs `ctl` on the rig's device. */
const ctl = ({ control }: Pick<ControlRig, 'control'>, ...args: string[]) =>
  runCommand('ctl', '--control', control, ...args)

/** Runs `ctl`, which must succeed; returns its output. */
async function printed(rig: Pick<ControlRig, 'control'>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ctl(rig, ...args)
  expect([code, stderr]).toEqual([0, ''])
  return stdout.trimEnd()
}

describe('ctl show', () => {
  it('shows the platform, resources, and what agents see', async () => {
    const rig = await setUp()
    const [platform, resources, agent, json] = await Promise.all([
      printed(rig, 'show'),
      printed(rig, 'show', 'clock.uart', 'sensor.cpu.value'),
      printed(rig, 'show', '--agent', 'rtos'),
      printed(rig, 'show', 'perf', '--json'),
    ])
    expect(platform.split('\n').slice(0, 6)).toEqual([
      expect.stringMatching(/^acme:rig, version 0x10002, on vhost-user-scmi \d/),
      '',
      'agents',
      `  ID  NAME   CONNECTED  ENDPOINT${' '.repeat(rig.folder.length)}PROTOCOLS`,
      `  1   linux  yes        ${rig.folder}/linux  base, power, system, perf, clock, sensor`,
      `  2   rtos   no         ${rig.folder}/rtos   base, power, system, perf, clock, sensor`,
    ])
    expect(platform).toMatch(/\nclock\n {2}NAME {2}RATE {5}ENABLED\n {2}cpu {3}600 MHz {2}no\n/)
    expect(resources.split('\n')).toEqual([
      expect.stringMatching(/^ADDRESS +VALUE +CAN BE SET TO +MEANING$/),
      expect.stringMatching(/^clock.uart.rate +24 MHz +24 MHz, 48 MHz +Frequency/),
      expect.stringMatching(/^clock.uart.enabled +no +yes, no +Runs while/),
      expect.stringMatching(/^sensor.cpu.value +41.5 °C +a number of °C, C, or auto +The reading/),
    ])
    expect(agent).toMatch(/\nclocks\n {2}ID {2}NAME {2}ENABLED {2}RATE {4}RATES\n {2}0 {3}uart {2}no/)
    const { resources: entries } = JSON.parse(json)
    expect(entries).toHaveLength(1)
    expect(entries[0]).toMatchObject({ address: 'perf.dsp', main: 'level' })
    expect(entries[0].properties[0]).toMatchObject({ name: 'level', number: 3, shown: '3', allowed: '1, 2, 3' })
  })
})

describe('ctl get, set and watch', () => {
  it('read and change values, with their units', async () => {
    const rig = await setUp()
    const { guest } = rig
    await guest.send(CLOCK, 0x9, UART, 1)
    expect(await printed(rig, 'get', 'sensor.cpu.value')).toBe('41.5 °C')
    expect(await printed(rig, 'get', 'clock.uart', 'power.gpu.state')).toBe(
      'ADDRESS             VALUE\nclock.uart.rate     24 MHz\nclock.uart.enabled  no\npower.gpu.state     off',
    )
    expect(JSON.parse(await printed(rig, 'get', 'sensor.cpu.value', '--json'))).toEqual([
      { address: 'sensor.cpu.value', number: 41.5, unit: '°C', shown: '41.5 °C' },
    ])
    expect(await printed(rig, 'set', 'clock.uart', '0.048GHz')).toBe('clock.uart.rate is 48 MHz, linux notified')
    expect((await nextEvents(rig))[0]?.slice(1)).toEqual([0, UART, 48e6, 0])
    expect(await printed(rig, 'set', 'sensor.cpu', '85C')).toBe('sensor.cpu.value is 85 °C')
    expect(await guest.send(SENSOR, 0x6, 0, 0)).toEqual([0, 85_000, 0, 0, 0])
    expect(await printed(rig, 'set', 'sensor.cpu', '-5', 'C')).toBe('sensor.cpu.value is -5 °C')
    expect(JSON.parse(await printed(rig, 'set', 'sensor.cpu', '-5.5C', '--json'))).toEqual({
      reading: { address: 'sensor.cpu.value', number: -5.5, unit: '°C', shown: '-5.5 °C' },
      notified: [],
    })
  })

  it('print changes until they are interrupted', async () => {
    const rig = await setUp()
    const people = new RunningCommand(['ctl', 'watch', 'sensor.cpu.value', '--control', rig.control])
    const machines = new RunningCommand(['ctl', 'watch', 'sensor', '--json', '--control', rig.control])
    await until(() => people.stdout !== '' && machines.stdout.split('\n').length > 6, 'the first values', 30_000)
    await rig.client.call('set', { address: 'sensor.cpu', value: '85C' })
    await until(() => /85/.test(people.stdout) && /85/.test(machines.stdout), 'the change')
    expect(await people.stop('SIGINT')).toBe(0)
    expect(await machines.stop('SIGTERM')).toBe(0)
    expect(people.stdout).toMatch(
      /^\d\d:\d\d:\d\d.\d{3} {2}sensor.cpu.value {2}41.5 °C\n.*sensor.cpu.value {2}85 °C\n$/,
    )
    const changes = machines.stdout.trimEnd().split('\n')
    expect(JSON.parse(changes.at(-1)!)).toMatchObject({
      address: 'sensor.cpu.value',
      number: 85,
      time: expect.any(String),
    })
  })
})

describe('ctl notify and power', () => {
  it('reach the driver', async () => {
    const rig = await setUp()
    await rig.guest.send(SYSTEM, 0x5, 1)
    const sent = await printed(rig, 'notify', 'clock', 'CLOCK_RATE_CHANGED', 'agent_id=0', 'clock_id=0x1', 'rate=5')
    expect(sent).toBe('sent to linux')
    expect(await printed(rig, 'power', 'shutdown', '--timeout', '5000')).toBe('linux asked for shutdown')
    expect(await printed(rig, 'power', 'reboot', '--forced', '--json')).toBe('{\n  "notified": [\n    "linux"\n  ]\n}')
    expect((await nextEvents(rig, 3)).map(words => words.slice(1))).toEqual([
      [0, 1, 5, 0],
      [0, 1, 0, 5000],
      [0, 0, 1, 0],
    ])
  })
})

describe('ctl fault', () => {
  it('adds rules, lists and removes them', async () => {
    const rig = await setUp()
    const args = ['--protocol', 'clock', '--message', 'CLOCK_RATE_SET', '--drop', '--times', '3']
    expect(await printed(rig, 'fault', 'add', ...args)).toBe(
      'rule 1: protocol: clock, message: CLOCK_RATE_SET, times: 3, drop: true',
    )
    const edits = ['--where', 'clock_id=1', '--fields', 'rate=7', '--delay', '1 ms', '--header', 'token=+1']
    await printed(rig, 'fault', 'add', '--message', 'CLOCK_RATE_GET', ...edits, '--probability', '1')
    expect(JSON.parse(await printed(rig, 'fault', 'list', '--json'))[1].rule).toEqual({
      message: 'CLOCK_RATE_GET',
      where: { clock_id: 1 },
      fields: { rate: 7 },
      delay: '1 ms',
      header: { token: '+1' },
      probability: 1,
    })
    expect(await rig.guest.send(CLOCK, 0x6, UART)).toEqual([0, 7, 0])
    expect(await printed(rig, 'fault', 'list')).toMatch(/^ID {2}HITS {2}ACTIVE {2}RULE\n1 {3}0 .*\n2 {3}1 {5}yes/)
    expect(await printed(rig, 'fault', 'remove', '1')).not.toContain('drop')
    expect(await printed(rig, 'fault', 'clear')).toBe('no fault rules')
    expect(await rig.guest.send(CLOCK, 0x6, UART)).toEqual([0, 24e6, 0])
  })
})

describe('ctl messages and stats', () => {
  it('print what passes', async () => {
    const rig = await setUp()
    const all = new RunningCommand(['ctl', 'messages', '--count', '2', '--json', '--control', rig.control])
    const failed = new RunningCommand(['ctl', 'messages', '--failed', '--control', rig.control])
    // Until both streams run, which only their first lines show.
    while (!all.stdout || !failed.stdout) await rig.guest.send(CLOCK, 0x6, 99)
    expect(await all.ended).toBe(0)
    expect(await failed.stop('SIGINT')).toBe(0)
    const lines = all.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(JSON.parse(lines[0]!)).toMatchObject({ agent: 'linux', message: 'CLOCK_RATE_GET', status_name: 'NOT_FOUND' })
    expect(failed.stdout.split('\n')[0]).toBe('linux: clock CLOCK_RATE_GET #1 {clock_id: 99} → NOT_FOUND')
    await rig.guest.send(CLOCK, 0x6, UART)
    const stats = await printed(rig, 'stats')
    expect(stats).toMatch(/^linux: \d+ messages; latency p50 \d.*, p99 \d.*; 0 events sent\n/)
    expect(stats).toMatch(/\n {2}clock +CLOCK_RATE_GET +1 +\d+ NOT_FOUND +\d+ \ws/)
    const [linux] = JSON.parse(await printed(rig, 'stats', '--json', '--agent', 'linux'))
    expect(linux.protocols[0].messages[0]).toMatchObject({ name: 'CLOCK_RATE_GET', succeeded: 1 })
  })
})

it('ctl trace records to a file, and says when the disk is full', async () => {
  const rig = await setUp()
  const file = join(rig.folder, 'trace')
  expect(await printed(rig, 'trace', 'status')).toBe('no trace has been recorded yet')
  expect(await printed(rig, 'trace', 'start', file)).toMatch(`recording to ${file}`)
  await rig.guest.send(CLOCK, 0x6, UART)
  expect(await printed(rig, 'trace', 'stop')).toMatch(/^recorded .*: 1 messages, \d+ bytes$/)
  expect(statSync(file).size).toBeGreaterThan(0)
  const full = await ctl(rig, 'trace', 'start', '/dev/full')
  expect([full.code, full.stderr]).toEqual([
    1,
    'vhost-user-scmi: /dev/full: no space left on device; free some space, or give a file elsewhere\n',
  ])
})

describe('ctl fails with one line', () => {
  it.each([
    [['set', 'clock.uart', '25MHz'], 2, "clock.uart.rate can't be 25MHz; allowed: 24 MHz, 48 MHz"],
    [['get', 'clock.foo'], 2, 'there is no clock.foo; there are clock.cpu, clock.uart'],
    [['set', 'perf.dsp.power', '1W'], 1, "perf.dsp.power can't be set, only read"],
    [['watch', 'foo'], 2, /^there is no foo; there are power, system, perf, clock, sensor$/],
    [['messages', '--protocol', 'x'], 2, /^there is no protocol x; there are base/],
    [['stats', '--agent', 'x'], 2, 'there is no agent x; there are linux, rtos'],
    [['power', 'warm_reset'], 1, /^the system has no warm_reset; write/],
    [['fault', 'add', '--protocol', 'clock'], 2, /^fault rule: it does nothing; give at least one of/],
    [['fault', 'add', '--times', 'x', '--drop'], 2, /^fault rule: times: x/],
    [['fault', 'add', '--where', 'x', '--drop'], 2, 'x is not name=value'],
    [['fault', 'remove', '3'], 2, 'there is no fault rule 3; there are none'],
    [['trace', 'stop'], 1, 'no trace is being recorded; start one'],
    [['set', 'sensor.cpu', '--fast'], 2, "unknown option '--fast' (see --help)"],
    [['top'], 2, /^top needs a terminal/],
  ])('%j', async (args, code, says) => {
    const rig = await setUp({ connect: false })
    const result = await ctl(rig, ...args)
    expect([result.code, result.stdout]).toEqual([code, ''])
    const [, line] = /^vhost-user-scmi: (.*)\n$/.exec(result.stderr) ?? []
    expect(line).toMatch(typeof says === 'string' ? new RegExp(`^${says.replace(/[.()]/g, '\\$&')}$`) : says)
  })

  it.each([
    [['remove'], /unknown command 'remove'/],
    [['set', 'clock.uart'], /missing required argument 'value'/],
    [['fault', 'add', '--colour', 'red'], /unknown option '--colour'/],
    [['power', 'hibernate'], /'hibernate' is invalid for argument 'state'. Allowed choices are shutdown/],
  ])('%j, and the usage', async (args, says) => {
    const { code, stderr } = await runCommand('ctl', ...args)
    expect(code).toBe(2)
    expect(stderr).toMatch(says)
  })

  it('without a device, or when it has stopped', async () => {
    const rig = await setUp({ connect: false })
    const missing = await runCommand('ctl', 'show', '--control', join(rig.folder, 'missing'))
    expect(missing.code).toBe(2)
    expect(missing.stderr).toMatch(/^vhost-user-scmi: there is no socket .*missing; start the device with --control/)
    const file = await runCommand('ctl', 'show', '--control', import.meta.filename)
    expect([file.code, file.stderr]).toEqual([2, `vhost-user-scmi: ${import.meta.filename} is not a socket\n`])
    const stale = join(rig.folder, 'stale')
    await leaveStale(stale)
    const dead = await runCommand('ctl', 'show', '--control', stale)
    expect([dead.code, dead.stderr]).toEqual([
      1,
      `vhost-user-scmi: nothing listens on ${stale}: the device has exited\n`,
    ])
    const watching = new RunningCommand(['ctl', 'watch', 'clock', '--control', rig.control])
    await until(() => watching.stdout !== '', 'the first values', 30_000)
    rig.server.close()
    expect(await watching.ended).toBe(1)
    expect(watching.stderr).toBe(`vhost-user-scmi: the device at ${rig.control} has stopped\n`)
  })

  it('if the output can not be written', async () => {
    const rig = await setUp({ connect: false })
    const full = openSync('/dev/full', 'w')
    const command = new RunningCommand(['ctl', 'show', '--control', rig.control], [], full)
    closeSync(full)
    expect(await command.ended).toBe(1)
    expect(command.stderr).toMatch(/^vhost-user-scmi: can't write the output: .*no space left/i)
  })
})

describe('vhost-user-scmi --control', () => {
  it('takes a path that looks like a port as a path', async () => {
    await inFolder(async folder => {
      const here = process.cwd()
      process.chdir(folder)
      onTestFinished(() => process.chdir(here))
      const device = new RunningCommand(['--socket-path', 'a', '--control', '0'])
      await device.said(/ready/)
      expect(statSync('0').isSocket()).toBe(true)
      const listening = readFileSync(`/proc/${device.child.pid}/net/tcp6`, 'utf8')
      const inodes = readdirSync(`/proc/${device.child.pid}/fd`).map(fd => {
        return /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${device.child.pid}/fd/${fd}`))?.[1]
      })
      expect(inodes.filter(inode => inode && listening.includes(` ${inode} `))).toEqual([])
      const shown = new RunningCommand(['ctl', '--control', '0', 'get', 'clock.uart0.rate'])
      expect([await shown.ended, shown.stdout]).toEqual([0, '24 MHz\n'])
      const second = new RunningCommand(['--socket-path', 'b', '--control', '0'])
      expect(await second.ended).toBe(2)
      expect(second.stderr).toMatch(/0 is served by a running process/)
      expect(await device.stop()).toBe(0)
    })
  })

  it.each(['--socket-path', '--control'])(
    'reports in one line that %s is in something other than a folder',
    async option => {
      await inFolder(async folder => {
        writeFileSync(join(folder, 'file'), '')
        const command = new RunningCommand(['--socket-path', join(folder, 'a'), option, join(folder, 'file/socket')])
        expect(await command.ended).toBe(2)
        expect(command.stderr).toMatch(/^vhost-user-scmi: \S+file\/socket: ENOTDIR: [^\n]*; give another --[^\n]*\n$/)
      })
    },
  )

  it('opens the socket where ctl looks for it, and only one device can', async () => {
    await inFolder(async folder => {
      const env = { XDG_RUNTIME_DIR: folder, VHOST_USER_SCMI_CONTROL: '' }
      const serve = (socket: string) =>
        new RunningCommand(['--socket-path', join(folder, socket), '--control'], [], 'pipe', env)
      const device = serve('a')
      await device.said(/ready/)
      expect(device.stderr).toContain(`control service on ${folder}/vhost-user-scmi`)
      const shown = new RunningCommand(['ctl', 'get', 'clock.uart0.rate'], [], 'pipe', env)
      expect([await shown.ended, shown.stdout]).toEqual([0, '24 MHz\n'])
      const second = serve('b')
      expect(await second.ended).toBe(2)
      expect(second.stderr).toMatch(
        /vhost-user-scmi is served by a running process; stop it or give another --control\n$/,
      )
      expect(await device.stop()).toBe(0)
      expect(statSync(join(folder, 'vhost-user-scmi'), { throwIfNoEntry: false })).toBe(undefined)
    })
  })
})
