/**
 * State files with valid checksums and wrong content: values of a real file are replaced by others. A value that is
 * accepted does no harm; any other is an error of one line. FUZZ_SEED repeats a failure.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { CAPACITY } from '../../src/client/channel.js'
import { exchange } from '../../src/device/exchange.js'
import type { Saved } from '../../src/platform/core/kept.js'
import { COMMAND, NOTIFICATION, packHeader } from '../../src/wire/header.js'
import { inFolder, RunningCommand, runCommand } from '../cli/command.js'
import { Random } from '../driver/random.js'
import { cases, configs, Side } from '../support/kept-side.js'

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.info(`wrong content of state files: FUZZ_SEED=${seed}`)

const OTHERS: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  7,
  2 ** 33,
  -1e300,
  '',
  'x',
  '__proto__',
  [],
  {},
  [null],
  [[]],
  [0, 0, 0],
]

/** Mutants of each part. */
const MUTANTS = 400
/** One in so many accepted mutants is served random messages. */
const LOOKED_AT = 40

type Node = { [key: string]: Node } | Node[] | string | number | boolean | null

/** `node` replaced, and `node` with a value in it replaced, removed or doubled. */
function* mutants(node: Node, random: Random): Generator<Node> {
  const text = JSON.stringify(node)
  for (const other of OTHERS) if (other !== node) yield other as Node
  for (let i = 0; i < MUTANTS; i++) {
    const root = { node: JSON.parse(text) as Node }
    mutate(root, random)
    yield root.node
  }
}

/** Changes one value somewhere below `node`. */
function mutate(node: Node, random: Random): void {
  if (typeof node !== 'object' || node === null) return
  const all = node as { [key: string]: Node }
  const keys = Object.keys(all)
  if (keys.length === 0) return
  const key = keys[random.below(keys.length)]!
  const inner = all[key]!
  if (typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 && random.below(4) > 0) {
    mutate(inner, random)
    return
  }
  const what = random.below(OTHERS.length + 2)
  if (what < OTHERS.length) all[key] = OTHERS[what] as Node
  else if (Array.isArray(node) && what === OTHERS.length) node.splice(Number(key), 1)
  else if (Array.isArray(node)) node.push(inner)
  else if (what === OTHERS.length) delete all[key]
  else all.more = inner
}

/** Parts of a kind are alike: picks a large one of each. */
function onePerKind(saved: Record<string, Saved>): [string, Saved][] {
  const largest = new Map<string, [string, Saved]>()
  for (const [name, part] of Object.entries(saved)) {
    const kind = name.startsWith('agents/') ? name : name.split('/')[0] + (name.endsWith('/') ? '/' : '')
    const length = JSON.stringify(part).length
    if (length < 600 && length > JSON.stringify(largest.get(kind)?.[1] ?? '').length) largest.set(kind, [name, part])
  }
  return [...largest.values()]
}

describe('a changed value of a part', () => {
  it.each(cases)('$name of $preset', { timeout: 120_000 }, ({ preset, protocol }) => {
    const config = configs[preset]!
    const first = new Side(config)
    first.send(protocol, seed, 400)
    const saved = first.save()
    let side = new Side(config)
    let parts = new Map(side.parts())
    const random = new Random(seed)
    let [taken, refused] = [0, 0]
    for (const [name, part] of onePerKind(saved)) {
      for (const mutant of mutants(part as Node, random)) {
        try {
          parts.get(name)!.restore(mutant as Saved)
        } catch (error) {
          refused++
          const text = `${(error as Error).constructor.name}: ${(error as Error).message}`
          if (!/^Error: [^\n]{1,200}$/.test(text))
            throw new Error(`${name} with ${JSON.stringify(mutant)}`, { cause: error })
          continue
        }
        if (taken++ % LOOKED_AT !== 0) continue
        side.time.advance(60_000_000)
        side.send(protocol, seed, 20)
        side.platform.close()
        side = new Side(config)
        parts = new Map(side.parts())
      }
    }
    expect(refused).toBeGreaterThan(50)
    expect(refused).toBeGreaterThan(taken)
  })
})

/** Replaces the header of a command under way. */
function withHeader(node: Node, header: number): Node {
  return JSON.parse(JSON.stringify(node), (key, value) => (key === 'header' ? header : value))
}

it.each([
  { what: 'no command', header: 0 },
  { what: 'a command that is answered at once', header: packHeader(0x14, 0x6, COMMAND, 1) },
  { what: 'a command of another protocol', header: packHeader(0x15, 0x6, COMMAND, 1) },
  { what: 'a notification', header: packHeader(0x14, 0x5, NOTIFICATION, 1) },
])('a command under way with the header of $what is refused', ({ header }) => {
  const side = new Side(configs.everything!)
  const [agent] = side.agents
  const message = Uint32Array.of(packHeader(0x14, 0x5, COMMAND, 1), 1, 0, 24e6, 0)
  exchange(agent!, new Uint8Array(message.buffer), CAPACITY)
  const saved = side.save()['agents/first/clock'] as Node
  expect(JSON.stringify(saved)).toContain('"header"')
  const restore = (node: Node) => () =>
    new Map(new Side(configs.everything!).parts()).get('agents/first/clock')!.restore(node as Saved)
  expect(restore(saved)).not.toThrow()
  expect(restore(withHeader(saved, header))).toThrow(`no command with header ${header} can be under way`)
})

const PLATFORM = 'vendor: v\nclocks: [{ name: a, rates: [1 MHz, 2 MHz] }, { name: b, rate: 1 MHz }]\n'

type Entry = { state: Record<string, Saved>; answered: Record<string, unknown> }

/** The generation of a file's first records. */
const FIRST = '1 '
const JSON_START = 9 + FIRST.length
const lineOf = (json: string): string =>
  `${crc32(FIRST + json)
    .toString(16)
    .padStart(8, '0')} ${FIRST}${json}\n`

const answers = (words: number[]): string => Buffer.from(Uint16Array.from(words).buffer).toString('base64')

describe('a file with wrong content is an error of one line, and is not changed', () => {
  const good = (entry: Entry): Entry => entry
  it.each([
    { what: 'nothing wrong', change: good, says: undefined },
    {
      what: 'a text for a part',
      change: ({ state, ...rest }: Entry) => ({ ...rest, state: { ...state, 'clocks/a': 'x' } }),
      says: 'clocks/a: Invalid input: expected tuple, received string',
    },
    {
      what: 'a rate that the clock lacks',
      change: ({ state, ...rest }: Entry) => ({ ...rest, state: { ...state, 'clocks/a': [5, 1, null, [], []] } }),
      says: "clocks/a: it can't have 5 Hz",
    },
    {
      what: 'an unknown part',
      change: ({ state, ...rest }: Entry) => ({ ...rest, state: { ...state, 'clocks/c': null } }),
      says: 'clocks/c: there is no such part',
    },
    { what: 'no parts', change: ({ answered }: Entry) => ({ state: {}, answered }), says: 'clocks/a: is missing' },
    {
      what: 'a list of parts',
      change: ({ answered }: Entry) => ({ state: [], answered }),
      says: 'record 1: state: not a map of parts',
    },
    {
      what: 'a number for a record',
      change: () => 5,
      says: 'record 1: Invalid input: expected object, received number',
    },
    {
      what: 'answers of another shape',
      change: ({ state }: Entry) => ({ state, answered: { guest: { at: 0, messages: 'no' } } }),
      says: 'answers to guest: messages: Invalid base64-encoded string',
    },
    {
      what: 'answers that end within a message',
      change: ({ state }: Entry) => ({ state, answered: { guest: { at: 0, messages: answers([0, 8, 8, 0]) } } }),
      says: 'answers to guest: messages: end too early',
    },
    {
      what: 'an answer to a message that no batch has room for',
      change: ({ state }: Entry) => ({ state, answered: { guest: { at: 0, messages: answers([256, 0, 0]) } } }),
      says: 'answers to guest: messages: not in the order of a batch',
    },
    {
      what: 'an answer that no message could have',
      change: ({ state }: Entry) => ({ state, answered: { guest: { at: 0, messages: answers([0, 0, 4097]) } } }),
      says: 'answers to guest: messages: one is too long',
    },
  ])('$what', { timeout: 60_000 }, ({ change, says }) =>
    inFolder(async folder => {
      const [platform, state, socket] = ['board.yaml', 'state', 'socket'].map(name => join(folder, name)) as [
        string,
        string,
        string,
      ]
      writeFileSync(platform, PLATFORM)
      const args = ['--platform', platform, '--state', state, '--socket-path', socket]
      const first = new RunningCommand(args)
      await first.said(/ready/)
      expect(await first.stop()).toBe(0)
      const [head, record] = readFileSync(state, 'utf8').split('\n') as [string, string]
      const text = `${head}\n${lineOf(JSON.stringify(change(JSON.parse(record.slice(JSON_START)) as Entry)))}`
      writeFileSync(state, text)
      if (says === undefined) {
        const second = new RunningCommand(args)
        await second.said(/ready/)
        expect(await second.stop()).toBe(0)
        return
      }
      const { code, stderr } = await runCommand(...args)
      const advice = 'remove it to start over, or give another file'
      expect(stderr).toBe(`vhost-user-scmi: --state ${state}: invalid content: ${says}; ${advice}\n`)
      expect(code).toBe(2)
      expect(readFileSync(state, 'utf8')).toBe(text)
    }),
  )
})
