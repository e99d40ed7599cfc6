import { describe, expect, test } from 'vitest'
import { pins } from '../../../src/platform/pins/index.js'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, message } from '../../support/agent.js'

const PLATFORM = `
vendor: acme
devices: [{ name: uart, resources: { pinctrl: [rx] } }]
pinctrl:
  pins:
    - { name: tx, configs: { drive_strength: 4 } }
    - { name: rx, configs: { drive_strength: 4, input_value: 0 } }
    - { name: led }
  groups:
    - { name: uart, pins: [tx, rx] }
    - { name: led, pins: [led] }
  functions:
    - { name: uart, groups: [uart] }
    - { name: gpio, groups: [uart, led], gpio: true }
    - { name: adc, pins: [rx] }
`
const ATTRIBUTES = 0x3
const LIST_ASSOCIATIONS = 0x4
const SETTINGS_GET = 0x5
const SETTINGS_CONFIGURE = 0x6
const REQUEST = 0x7
const RELEASE = 0x8
const PIN = 0
const GROUP = 1
const FUNCTION = 2
const FUNCTION_VALID = 1 << 10
const DENIED = -3
const NOT_FOUND = -4
const IN_USE = -11
/** Another agent. */
const OTHER = 2

function setUp(platformText = PLATFORM) {
  const { agent, platform, exchange } = createTestAgent(platformText)
  /** Status and whole words of the reply to a message of this or another protocol. */
  const sendTo = (protocol: number, id: number, ...words: number[]): number[] => {
    const reply = exchange(message(packHeader(protocol, id, 0, 1), ...words))
    return [...new Int32Array(reply.buffer, 0, reply.length >> 2).subarray(1)]
  }
  return { agent, model: platform.model(pins), sendTo, send: sendTo.bind(undefined, 0x19) }
}

describe('exclusive control', () => {
  test('keeps other agents from requesting, configuring and releasing, not from reading', () => {
    const { model, send } = setUp()
    model.hold(model.named('rx'), OTHER, true)
    expect(send(REQUEST, 1, PIN)).toEqual([IN_USE])
    expect(send(RELEASE, 1, PIN)).toEqual([IN_USE])
    expect(send(SETTINGS_CONFIGURE, 1, 0, PIN | (1 << 2), 10, 8)).toEqual([IN_USE])
    expect(send(SETTINGS_GET, 1, 10)).toEqual([0, -1, 1, 10, 4])
    expect(send(REQUEST, 0, PIN)).toEqual([0])
  })

  test('of a pin includes its groups, and of a group its pins', () => {
    const { model, send } = setUp()
    model.hold(model.named('rx'), OTHER, true)
    expect(send(REQUEST, 0, GROUP)).toEqual([IN_USE])
    expect(send(SETTINGS_CONFIGURE, 0, 0, GROUP | FUNCTION_VALID)).toEqual([IN_USE])
    expect(model.named('tx').holder).toBeUndefined()
    model.hold(model.named('rx'), OTHER, false)
    expect(send(REQUEST, 0, GROUP)).toEqual([0])
    expect(model.isHeldFrom(model.named('tx'), OTHER)).toBe(true)
  })

  test('ends with RELEASE, and with the driver; functions and values stay', () => {
    const { agent, model, send } = setUp()
    send(REQUEST, 0, GROUP)
    send(RELEASE, 0, PIN)
    expect(model.list.map(pin => pin.holder)).toEqual([undefined, 1, undefined])
    model.hold(model.named('led'), OTHER, true)
    send(SETTINGS_CONFIGURE, 0, 1, GROUP | FUNCTION_VALID | (1 << 2), 10, 8)
    agent.restart()
    expect(model.list.map(pin => pin.holder)).toEqual([undefined, undefined, OTHER])
    expect(send(SETTINGS_GET, 0, (GROUP << 16) | 10)).toEqual([0, 1, 1, 10, 8])
  })
})

test('the host sets values that agents can only read', () => {
  const { model, send } = setUp()
  model.configure(model.named('rx'), 14, 1, 0)
  expect(send(SETTINGS_GET, 1, 14)).toEqual([0, -1, 1, 14, 1])
})

test('emits what is selected and set', () => {
  const { model, send } = setUp()
  const seen: unknown[] = []
  model.on('functionSelected', (target, agentId) => seen.push([target.name, target.function?.name, agentId]))
  model.on('configured', (target, type, agentId) => seen.push([target.name, type, agentId]))
  send(SETTINGS_CONFIGURE, 0, 1, GROUP | FUNCTION_VALID | (1 << 2), 10, 8)
  expect(seen).toEqual([
    ['uart', 'gpio', 1],
    ['uart', 10, 1],
  ])
})

test('a pin taken from the agent is denied, and so are the groups it is in', () => {
  const { send, sendTo } = setUp()
  expect(sendTo(0x10, 0x9, 1, 0, 0)).toEqual([0])
  expect(send(REQUEST, 1, PIN)).toEqual([DENIED])
  expect(send(LIST_ASSOCIATIONS, 0, GROUP, 0)).toEqual([DENIED])
  expect(send(SETTINGS_CONFIGURE, 0, 0, GROUP | FUNCTION_VALID)).toEqual([DENIED])
  expect(send(REQUEST, 0, PIN)).toEqual([0])
  expect(send(REQUEST, 1, GROUP)).toEqual([0])
})

test('an agent that sees some pins finds the groups and functions of those, under ids of its own', () => {
  const { model, send } = setUp(`${PLATFORM}agents: [{ name: guest, resources: { pinctrl: [led, tx] } }]`)
  expect(send(0x1)).toEqual([0, (1 << 16) | 2, 1])
  expect(send(ATTRIBUTES, 0, GROUP).slice(0, 2)).toEqual([0, 1])
  expect(send(ATTRIBUTES, 1, GROUP)).toEqual([NOT_FOUND])
  expect(send(ATTRIBUTES, 0, FUNCTION).slice(0, 2)).toEqual([0, (1 << 17) | 1])
  model.select(model.named('led'), model.functions[1]!, 0)
  expect(send(SETTINGS_GET, 0, 2 << 18)).toEqual([0, 0, 0])
  model.select(model.named('tx'), model.functions[0]!, 0)
  expect(send(SETTINGS_GET, 1, 2 << 18)).toEqual([0, -1, 0])
})

test('the error of an unknown name lists the known ones', () => {
  expect(() => setUp().model.named('cts')).toThrow('no pin is named cts; there are tx, rx, led')
})
