import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadPlatform } from '../../src/loading/load.js'
import { loadPlugin, pluginNames } from '../../src/loading/plugins.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { agentsOf } from '../../src/platform/file/config.js'
import { Agent } from '../../src/protocols/declaration/agent.js'
import { protocols as standard } from '../../src/protocols/index.js'
import { OperatorError } from '../../src/support/errors.js'
import { packHeader } from '../../src/wire/header.js'
import { inFolder } from '../cli/command.js'
import { exchangeWith, hex, message, RecordedEvents } from '../support/agent.js'

const LED = join(import.meta.dirname, '../plugin/led.mjs')
const LED_ID = 0x90

async function load(text: string, plugins: string[] = []) {
  return inFolder(async folder => {
    const file = join(folder, 'board.yaml')
    writeFileSync(file, text)
    const { platform, protocols } = await loadPlatform(file, { plugins, time: new VirtualTime() })
    const peers: Agent[] = []
    const config = agentsOf(platform.config)[0]
    if (!config) throw new Error('there is always an agent')
    const agent = new Agent({ config, platform, events: new RecordedEvents(), peers, protocols })
    peers.push(agent)
    return { protocols, exchange: exchangeWith(agent) }
  })
}

/** The error of loading a plug-in with this text, without its folder. */
async function problemOf(moduleText: string, fileText = 'vendor: acme\nplugins: [./my.mjs]\n'): Promise<string> {
  return inFolder(async folder => {
    writeFileSync(join(folder, 'my.mjs'), moduleText)
    writeFileSync(join(folder, 'board.yaml'), fileText)
    const error: unknown = await loadPlatform(join(folder, 'board.yaml')).catch(error => error)
    expect(error).toBeInstanceOf(OperatorError)
    const { message } = error as Error
    expect(message).not.toContain('\n')
    return message.replaceAll(`${folder}/`, '')
  })
}

describe('the example of README', () => {
  test('is test/plugin/led.mjs, and has at most 30 lines', () => {
    const text = readFileSync(LED, 'utf8')
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(30)
    expect(readFileSync(join(import.meta.dirname, '../../src/plugins/README.md'), 'utf8')).toContain(text)
  })

  test.each([
    ['named by the platform file', `vendor: acme\nplugins: [${LED}]\n`, []],
    ['given beside it', 'vendor: acme\n', [LED]],
    ['named twice', `vendor: acme\nplugins: [${LED}]\n`, [LED]],
  ])('replies, and Base lists it: %s', async (_how, text, plugins) => {
    const { exchange, protocols } = await load(`${text}leds: [{ name: power, on: true }, { name: disk }]`, plugins)
    expect(protocols.filter(({ id }) => id === LED_ID)).toHaveLength(1)
    const list = exchange(message(packHeader(0x10, 6, 0, 1), 0))
    expect(hex(list.slice(4))).toBe('00 00 00 00 01 00 00 00 90 00 00 00')
    const attributes = exchange(message(packHeader(LED_ID, 1, 0, 1)))
    expect(hex(attributes.slice(4))).toBe('00 00 00 00 02 00 00 00')
    const has = (id: number) => hex(exchange(message(packHeader(LED_ID, 2, 0, 1), id)).slice(4, 8))
    expect([has(3), has(4), has(5)]).toEqual(['00 00 00 00', '00 00 00 00', 'fc ff ff ff'])
    const get = () => hex(exchange(message(packHeader(LED_ID, 3, 0, 1), 1)).slice(4))
    const disk = '64 69 73 6b 00 00 00 00 00 00 00 00 00 00 00 00'
    expect(get()).toBe(`00 00 00 00 00 00 00 00 ${disk}`)
    expect(hex(exchange(message(packHeader(LED_ID, 4, 0, 1), 1, 1)).slice(4))).toBe('00 00 00 00')
    expect(get()).toBe(`00 00 00 00 01 00 00 00 ${disk}`)
    expect(hex(exchange(message(packHeader(LED_ID, 4, 0, 1), 2, 1)).slice(4))).toBe('fc ff ff ff')
  })

  test('is not served without its section', async () => {
    const { exchange } = await load('vendor: acme\n', [LED])
    expect(hex(exchange(message(packHeader(LED_ID, 1, 0, 1))).slice(4))).toBe('ff ff ff ff')
  })

  test('has agents, versions and errors like any protocol', async () => {
    const { exchange } = await load(
      'vendor: acme\nprotocols: { led: { version: 1.0 } }\nleds: [{ name: a }, { name: b }]\n' +
        'agents: [{ name: guest, resources: { leds: [b] } }]',
      [LED],
    )
    expect(hex(exchange(message(packHeader(LED_ID, 3, 0, 1), 0)).slice(12, 13))).toBe('62')
    expect(await problemOf('', `vendor: acme\nplugins: [${LED}]\nleds: [{ nam: x }]`)).toBe(
      'board.yaml:3:10: leds[0].nam: is not a known key; did you mean name? Known keys: name, on',
    )
  })
})

describe('an error says what to do', () => {
  const importing = "import { command, defineProtocol, SUCCESS } from 'vhost-user-scmi'\n"
  const protocol = (fields: string) => `{
    id: 0x90, name: 'mine', versions: [0x10000], attach: () => ({}),
    commands: [command(1, 'PROTOCOL_ATTRIBUTES', [], [], () => SUCCESS)], ${fields} }`
  const mine = (fields: string) => `${importing}export default defineProtocol(${protocol(fields)})`
  const section = (section: string) => mine(`resource: { section: '${section}', schema: {}, create() {} }`)

  test.each([
    ['export const a = 1', 'has no default export; export a protocol, or an array of protocols'],
    ['export default 5', 'the default export is not a protocol; make one with defineProtocol'],
    ['export default { id: 0x90 }', 'the default export is not a protocol; make one with defineProtocol'],
    ['export default [null]', 'entry 0 of the default export is not a protocol; make one with defineProtocol'],
    [mine('id: 0x7f'), 'protocol mine has id 0x7f; ids of vendors are 0x80 to 0xff'],
    [mine('id: 0x100'), 'protocol mine has id 0x100; ids of vendors are 0x80 to 0xff'],
    [mine("name: 'clock'"), 'protocol clock has the name of another protocol'],
    [mine("name: 'My one'"), 'protocol My one has no name for a platform file; write lower-case letters, digits and _'],
    [mine('commands: []'), 'protocol mine lacks PROTOCOL_ATTRIBUTES, 0x1'],
    [section('clocks'), 'protocol mine has section clocks, which is that of clock'],
    [section('agents'), 'protocol mine has section agents, which every platform file can have'],
    [
      `${importing}export default [${protocol('')}, ${protocol("name: 'other'")}].map(defineProtocol)`,
      'protocol other has id 0x90, which is that of mine',
    ],
  ])('%j', async (text, problem) => {
    expect(await problemOf(text)).toBe(`board.yaml:2:11: plugins[0]: ./my.mjs: ${problem}`)
  })

  test('a module that throws or does not parse is reported with the line', async () => {
    const throws = await problemOf("const a = 1\nthrow new TypeError('not today')\nexport default a")
    expect(throws).toMatch(
      /^board\.yaml:2:11: plugins\[0\]: \.\/my\.mjs(:\d+)?: can't be loaded: TypeError: not today$/,
    )
    expect(await problemOf("import 'no-such-package'")).toMatch(/can't be loaded: .*no-such-package/)
  })

  test.each([
    ['[./none.mjs]', 'board.yaml:2:11: plugins[0]: ./none.mjs: there is no such file'],
    ['[./my.mjs/x]', "board.yaml:2:11: plugins[0]: ./my.mjs/x: can't be read: not a directory"],
    ['[./]', 'board.yaml:2:11: plugins[0]: ./: is not a file'],
    [
      '[nope]',
      `board.yaml:2:11: plugins[0]: nope: unknown plug-in; the package has ${pluginNames().join(', ')}; ` +
        'for a file write ./nope',
    ],
    ['[5]', 'board.yaml:2:11: plugins[0]: 5 is not text'],
    ['imx', 'board.yaml:2:10: plugins: imx is not a list'],
  ])('plugins: %s', async (list, message) => {
    expect(await problemOf('', `vendor: acme\nplugins: ${list}\n`)).toBe(message)
  })

  test('an error of one from the command line names no place in the file', async () => {
    const error: unknown = await loadPlatform('minimal', { plugins: ['./none.mjs'] }).catch(error => error)
    expect([error instanceof OperatorError, (error as Error).message]).toEqual([
      true,
      './none.mjs: there is no such file',
    ])
  })
})

test('a program can pass protocols that it has loaded itself', async () => {
  const led = await loadPlugin(LED)
  const { protocols } = await loadPlatform('minimal', { plugins: [led, ...led] })
  expect(protocols).toEqual([...standard, ...led])
})
