/** The plug-in imx: what byte vectors can't show. */
import { describe, expect, test } from 'vitest'
import { MessageDecoder, messageText } from '../../../src/observe/messages.js'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { Platform } from '../../../src/platform/core/platform.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { parsePlatformConfig } from '../../../src/platform/file/config.js'
import { batteryBacked, cpus, lms, misc } from '../../../src/plugins/imx/kinds.js'
import type { Lm, LmRequest } from '../../../src/plugins/imx/lms.js'
import { Agent } from '../../../src/protocols/declaration/agent.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { packHeader } from '../../../src/wire/header.js'
import { everyProtocol, exchangeWith, message, RecordedEvents } from '../../support/agent.js'

const LMM = 0x80
const BBM = 0x81
const CPU = 0x82
const MISC = 0x84
const SUCCESS = 0
const INVALID_PARAMETERS = -2
const NOT_FOUND = -4
const DAY_US = 86_400_000_000

const IMX = 'vendor: NXP\nsub_vendor: IMX\n'

function build(text: string, time = new VirtualTime()): Platform {
  const kinds = resourceKinds(everyProtocol)
  return parsePlatformConfig(IMX + text, 'a.yaml', everyProtocol, kinds, config => new Platform(config, kinds, time))
}

/** A platform with all the agents of its file. */
function create(text: string) {
  const time = new VirtualTime()
  const platform = build(text, time)
  const peers: Agent[] = []
  const agents = platform.config.agents.map(config => {
    const events = new RecordedEvents()
    const agent = new Agent({ config, platform, events, peers, protocols: everyProtocol })
    peers.push(agent)
    const exchange = exchangeWith(agent)
    return {
      agent,
      /** The status of a command. */
      send: (protocol: number, id: number, ...words: number[]): number =>
        new DataView(exchange(message(packHeader(protocol, id, 0, 1), ...words)).buffer).getInt32(4, true),
      /** The words of a reply after its status. */
      ask: (protocol: number, id: number, ...words: number[]): number[] => {
        const reply = exchange(message(packHeader(protocol, id, 0, 1), ...words))
        return [...new Uint32Array(reply.buffer.slice(8))]
      },
      /** Payloads of the notifications since the last call. */
      told: (): number[][] => events.take().map(bytes => [...new Uint32Array(bytes.buffer.slice(4))]),
    }
  })
  return { platform, time, agents }
}

const TWO_AGENTS = 'agents: [{ name: linux }, { name: rtos }]\n'

describe('logical machines', () => {
  const BOOT = 1
  const SHUTDOWN = 2
  const text = `${TWO_AGENTS}imx_lms:
  - { name: sm }
  - { name: m7, agents: [rtos] }
  - { name: ap, default: true }
  - { name: dsp, latency: 1 ms }
`
  const create2 = () => {
    const machines = create(text)
    const [linux, rtos] = machines.agents
    if (!linux || !rtos) throw new Error('there are two agents')
    return { ...machines, linux, rtos, model: machines.platform.model(lms) }
  }

  test('an agent runs in the machine that names it, or in the default', () => {
    const { linux, rtos } = create2()
    expect([linux, rtos].map(({ ask }) => ask(LMM, 3, 0xffffffff)[0])).toEqual([2, 1])
    expect(build('imx_lms: [{ name: sm }, { name: ap }]').model(lms).ofAgent('any').name).toBe('sm')
  })

  test('every subscriber is notified of each change once, with the agent that made it', () => {
    const { linux, rtos, model } = create2()
    for (const agent of [linux, rtos]) agent.send(LMM, 9, 3, BOOT | SHUTDOWN)
    linux.send(LMM, 6, 3, 0)
    rtos.send(LMM, 4, 3)
    model.shutdown(model.named('dsp'))
    const told = [
      [2, 3, SHUTDOWN],
      [1, 3, BOOT],
      [0, 3, SHUTDOWN],
    ]
    expect([linux.told(), rtos.told()]).toEqual([told, told])
    linux.agent.restart()
    model.boot(model.named('dsp'))
    expect([linux.told(), rtos.told()]).toEqual([[], [[0, 3, BOOT]]])
  })

  test('one that runs agents is asked to reset or shut down, and may ignore it', () => {
    const { linux, model, time } = create2()
    const asked: [Lm, LmRequest, Lm | undefined][] = []
    model.on('requested', (...request) => asked.push(request))
    linux.send(LMM, 9, 1, SHUTDOWN)
    expect(linux.send(LMM, 6, 1, 1)).toBe(SUCCESS)
    time.advance(DAY_US)
    expect(asked).toEqual([[model.named('m7'), 'shutdown', model.named('ap')]])
    expect(linux.told()).toEqual([])
    model.shutdown(model.named('m7'), model.named('m7'))
    expect(linux.told()).toEqual([[1, 1, SHUTDOWN]])
  })

  test('a forced change supersedes a pending request', () => {
    const { linux, time, model } = create2()
    linux.send(LMM, 9, 3, BOOT | SHUTDOWN)
    linux.send(LMM, 5, 3, 1)
    linux.send(LMM, 6, 3, 0)
    time.advance(10_000)
    expect(linux.told()).toEqual([[2, 3, SHUTDOWN]])
    expect(model.named('dsp').state).toBe('off')
  })

  test('ids are the agent’s own, also in events and reasons', () => {
    const { agents, platform } = create(
      'agents: [{ name: linux, resources: { imx_lms: [dsp, ap] } }]\n' +
        'imx_lms: [{ name: sm }, { name: ap, agents: [linux] }, { name: dsp }]\n',
    )
    const [linux] = agents
    linux?.send(LMM, 9, 0, BOOT | SHUTDOWN)
    linux?.send(LMM, 6, 0, 0)
    expect(linux?.told()).toEqual([[1, 0, SHUTDOWN]])
    const [, shutdown = 0] = linux?.ask(LMM, 0xa, 0) ?? []
    expect((shutdown >>> 24) & 0x1f).toBe(0x11)
    // The System Manager, which this agent does not see, starts it.
    const model = platform.model(lms)
    model.boot(model.named('dsp'), model.named('sm'))
    const [boot = 0] = linux?.ask(LMM, 0xa, 0) ?? []
    expect([linux?.told(), (boot >>> 24) & 0x1f]).toEqual([[[0, 0, BOOT]], 0])
  })

  test('the platform ends operations in progress', () => {
    const { linux, platform, time, model } = create2()
    linux.send(LMM, 6, 3, 1)
    platform.close()
    time.advance(DAY_US)
    expect(model.named('dsp').state).toBe('on')
  })
})

describe('real-time clocks', () => {
  const ALARM = 1
  const ROLLOVER = 2
  const UPDATED = 4
  const create2 = (rtc: string) => {
    const clocks = create(`${TWO_AGENTS}imx_bbm: { rtcs: [{ ${rtc} }] }\n`)
    const [linux, rtos] = clocks.agents
    if (!linux || !rtos) throw new Error('there are two agents')
    return { ...clocks, linux, rtos, rtc: clocks.platform.model(batteryBacked).list[0] }
  }

  test('each agent has its own alarm, any time ahead', () => {
    const { linux, rtos, time } = create2('name: rtc')
    for (const agent of [linux, rtos]) agent.send(BBM, 0xa, 0, ALARM)
    linux.send(BBM, 8, 0, 1, 100 * 86_400, 0)
    rtos.send(BBM, 8, 0, 1, 50 * 86_400, 0)
    time.advance(50 * DAY_US - 1)
    expect([linux.told(), rtos.told()]).toEqual([[], []])
    time.advance(1)
    expect([linux.told(), rtos.told()]).toEqual([[], [[ALARM]]])
    time.advance(50 * DAY_US)
    expect([linux.told(), rtos.told()]).toEqual([[[ALARM]], []])
  })

  test('all subscribers are notified that the time was set, the setter included', () => {
    const { linux, rtos } = create2('name: rtc')
    for (const agent of [linux, rtos]) agent.send(BBM, 0xa, 0, UPDATED)
    linux.send(BBM, 6, 0, 0, 1000, 0)
    expect([linux.told(), rtos.told()]).toEqual([[[UPDATED]], [[UPDATED]]])
  })

  test('a refused alarm leaves the previous one', () => {
    const { linux, time } = create2('name: rtc, time: 100')
    linux.send(BBM, 0xa, 0, ALARM)
    expect(linux.send(BBM, 8, 0, 1, 102, 0)).toBe(SUCCESS)
    expect(linux.send(BBM, 8, 0, 1, 99, 0)).toBe(INVALID_PARAMETERS)
    time.advance(2_000_000)
    expect(linux.told()).toEqual([[ALARM]])
  })

  test('a driver that goes leaves neither alarms nor timers', () => {
    const { linux, rtos, time } = create2('name: rtc, seconds_width: 4')
    linux.send(BBM, 0xa, 0, ALARM | ROLLOVER)
    linux.send(BBM, 8, 0, 1, 5, 0)
    linux.agent.restart()
    linux.send(BBM, 0xa, 0, ALARM)
    rtos.send(BBM, 0xa, 0, ROLLOVER)
    time.advance(20_000_000)
    expect([linux.told(), rtos.told()]).toEqual([[], [[ROLLOVER]]])
  })

  test('it counts at its own rate, and rolls over', () => {
    const { rtc, time } = create2('name: rtc, seconds_width: 8, ticks_per_second: 3, time: 255')
    time.advance(999_999)
    expect([rtc?.seconds, rtc?.ticks]).toEqual([255, 255 * 3 + 2])
    time.advance(1)
    expect([rtc?.seconds, rtc?.ticks]).toEqual([0, 0])
    time.advance(256_000_000 * 1000 + 333_334)
    expect([rtc?.seconds, rtc?.ticks]).toEqual([0, 1])
  })

  test('never runs backwards, in years', () => {
    const { rtc, time } = create2('name: rtc')
    let last = 0
    for (let i = 0; i < 2000; i++) {
      time.advance(i % 2 === 0 ? 1 : 0.37 * DAY_US)
      const ticks = rtc?.ticks ?? 0
      expect(ticks).toBeGreaterThanOrEqual(last)
      last = ticks
    }
    expect(rtc?.seconds).toBe(Math.floor(time.nowUs / 1e6))
  })

  test("begins with the host's time if the file says so", () => {
    const before = Math.floor(Date.now() / 1000)
    const { rtc } = create2('name: rtc, time: now')
    expect(rtc?.seconds).toBeGreaterThanOrEqual(before)
    expect(rtc?.seconds).toBeLessThanOrEqual(Date.now() / 1000)
  })
})

test('CPUs report who started and stopped them, and resume at their start address', () => {
  const { agents, platform } = create('agents: [{ name: linux }]\nimx_cpus: [{ name: m7 }]\n')
  const model = platform.model(cpus)
  const changes: string[] = []
  model.on('runModeChanged', ({ name, runMode }, agentId) => changes.push(`${name} ${runMode} by ${agentId}`))
  const [linux] = agents
  linux?.send(CPU, 6, 0, 0x40000000, 0x1000, 0)
  for (const id of [4, 4, 5]) expect(linux?.send(CPU, id, 0)).toBe(SUCCESS)
  model.start(model.named('m7'), 0)
  expect(changes).toEqual(['m7 start by 1', 'm7 stop by 1', 'm7 start by 0'])
  expect(model.named('m7').vectors).toEqual({ boot: 0, start: 0x1000, resume: 0x1000 })
})

test('sleep settings of CPUs are stored and shown; a refused message changes nothing', () => {
  const { agents, platform } = create(
    'agents: [{ name: linux, resources: { power_domains: [gpu, cpu] } }]\n' +
      'power_domains: [{ name: cpu }, { name: secret }, { name: gpu }]\nimx_cpus: [{ name: m7, irq_wake_words: 2 }]\n',
  )
  const [linux] = agents
  const { lowPower } = platform.model(cpus).named('m7')
  expect(linux?.send(CPU, 8, 0, 1, 1, 0xff)).toBe(SUCCESS)
  expect(linux?.send(CPU, 9, 0, 0, 1, 0xf)).toBe(SUCCESS)
  // Domains have the agent's ids.
  expect(linux?.send(CPU, 0xa, 0, 2, 0, 4, 0, 1, 1, 0)).toBe(SUCCESS)
  expect(linux?.send(CPU, 0xb, 0, 1, 20, 2)).toBe(SUCCESS)
  const shown = 'gpu: on_always, cpu: on_run, 20: on_run_wait'
  expect([[...lowPower.irqMask], [...lowPower.nonIrqMask], lowPower.text]).toEqual([[0, 0xff], [0xf], shown])
  expect(linux?.send(CPU, 0xa, 0, 2, 0, 0, 0, 2, 1, 0)).toBe(NOT_FOUND)
  expect(linux?.send(CPU, 0xb, 0, 2, 20, 0, 21, 0)).toBe(NOT_FOUND)
  expect(lowPower.text).toBe(shown)
  const saved = platform.model(cpus).named('m7').save()
  const other = build('imx_cpus: [{ name: m7, irq_wake_words: 2 }]').model(cpus).named('m7')
  other.restore(saved)
  expect(other.save()).toEqual(saved)
})

test('a padded request is shown with its fields, and the padding by its length', () => {
  const { agents } = create('agents: [{ name: linux }]\nimx_misc: { device_controls: [{ name: c }] }\n')
  const request = message(packHeader(MISC, 3, 0, 1), 0, 1, 7, ...new Array(21).fill(0))
  const reply = exchangeWith(agents[0]!.agent)(request)
  const decoder = new MessageDecoder(everyProtocol)
  const shown = decoder.command(new DataView(request.buffer), new DataView(reply.buffer))
  expect(messageText(shown!)).toBe(
    'imx_misc MISC_CONTROL_SET #1 {ctrl_id: 0, num_val: 1, val: [{word: 7}], padding: 84} → SUCCESS',
  )
})

test('controls report to the host what agents set and start', () => {
  const { agents, platform } = create(
    'agents: [{ name: linux }]\nimx_misc: { board_controls: [{ name: led, value: [0, 0], actions: { 3: [7] } }] }\n',
  )
  const model = platform.model(misc)
  const heard: unknown[] = []
  model.on('changed', ({ values }, agentId) => heard.push([[...values], agentId]))
  model.on('action', ({ name }, action, args, agentId) => heard.push([name, action, args, agentId]))
  const [linux] = agents
  expect(linux?.send(MISC, 3, 0x8000, 2, 5, 6)).toBe(SUCCESS)
  expect(linux?.ask(MISC, 5, 0x8000, 3, 1, 9)).toEqual([1, 7])
  model.set(model.named('led'), [1, 2], 0)
  expect(linux?.ask(MISC, 4, 0x8000)).toEqual([2, 1, 2])
  expect(heard).toEqual([
    [[5, 6], 1],
    ['led', 3, [9], 1],
    [[1, 2], 0],
  ])
})

const HINT = '; name one otherwise, with wire_name: a if firmware does so'

test.each([
  ['imx_lms: [{ name: a }, { name: a }]', `imx_lms[1].name: two logical machines are named a${HINT}`],
  [
    'imx_lms: [{ name: a, agents: [x] }, { name: b, agents: [x] }]',
    'imx_lms[1].agents[0]: x runs in another machine already',
  ],
  [
    'imx_lms: [{ name: a, default: true }, { name: b, default: true }]',
    'imx_lms[1].default: another machine is the default already',
  ],
  ['imx_lms: [{ repeat: 17, name: "a{i}" }]', 'imx_lms: 17 entries are too many; at most 16'],
  [
    'imx_lms: [{ name: a_name_of_16_chr }]',
    'imx_lms[0].name: a_name_of_16_chr is not a name; write 1 to 15 printable ASCII characters',
  ],
  ['imx_bbm: { rtcs: [{ name: a }, { name: a }] }', `imx_bbm.rtcs[1].name: two clocks are named a${HINT}`],
  [
    'imx_bbm: { rtcs: [{ name: a, seconds_width: 40 }] }',
    'imx_bbm.rtcs[0].seconds_width: the time in ticks has more than 53 bits',
  ],
  [
    'imx_bbm: { rtcs: [{ name: a, time: 256, seconds_width: 8 }] }',
    'imx_bbm.rtcs[0].time: 256 s do not fit seconds_width',
  ],
  ['imx_cpus: [{ name: a }, { name: a }]', `imx_cpus[1].name: two CPUs are named a${HINT}`],
  [
    'imx_misc: { device_controls: [{ name: a }], board_controls: [{ name: a }] }',
    'imx_misc.board_controls[0].name: two controls are named a',
  ],
])('%s', (text, problem) => {
  let error: unknown
  try {
    build(text)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(ConfigError)
  expect((error as Error).message.replace(/^a\.yaml:\d+:\d+: /, '')).toBe(problem)
})

test.each(['imx_lms: [{ name: a }]', 'imx_bbm: {}', 'imx_cpus: [{ name: a }]', 'imx_misc: {}'])(
  '%s is refused for any vendor but the one of Linux’s drivers',
  section => {
    const kinds = resourceKinds(everyProtocol)
    const wrong = () =>
      parsePlatformConfig(`vendor: acme\n${section}`, 'a.yaml', everyProtocol, kinds, c => new Platform(c, kinds))
    expect(wrong).toThrow(/^a\.yaml:2:.*: imx_[a-z]+: is for platforms with vendor: NXP and sub_vendor: IMX/)
  },
)
