/**
 * What the driver of the posted series sends at probe, on first use and for a user, in its order, with the checks of its own
 * that end the probe or leave a "degraded system": written from a reading of the series, since no kernel has it yet.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TdcfReader } from '../../../qemu/runner/tdcf-reader.js'
import { createTestAgent, senderTo, takeWords } from '../../support/agent.js'

const ADDRESS = 0x1_4f00_0000
const [PROTOCOL_VERSION, ATTRIBUTES, LIST_SHMTI, DE_DESCRIPTION] = [0x0, 0x1, 0x3, 0x4]
const [INTERVALS, DE_CONFIGURE, ENABLED_LIST, CONFIG_SET, CONFIG_GET, RESET] = [0x5, 0x6, 0x7, 0x8, 0x9, 0xa]
const NOBODY = 0xffff_ffff
/** Selectors: those outside groups, one group, all. */
const [OUTSIDE, GROUP, ALL] = [0, 1, 2]
const PER_GROUP = 18
const SHORTEST_AREA = 24
/** What every description has, and its optional parts. */
const [DESCRIPTION, LINE_RATE, CHANNEL, NAME] = [24, 4, 12, 16]
/** The driver wants so many bytes after the offset of a line. */
const AFTER_OFFSET = 24

const bit = (word: number, at: number): boolean => ((word >>> at) & 1) === 1

interface Area {
  address: number
  length: number
}
interface Event {
  id: number
  group: number
  timestamp: number
  channel: boolean
}

/** Fails where the driver gives up. */
class Driver {
  readonly agent
  readonly send
  areas: Area[] = []
  events: Event[] = []
  groups = 0
  attributes = 0
  interval = 0

  constructor(text: string) {
    this.agent = createTestAgent(text)
    const sent = senderTo(this.agent.exchange, 0x1b)
    this.send = (...words: Parameters<typeof sent>) => sent(...words).map(word => word >>> 0)
  }

  /** Its order of messages; each that fails ends it. */
  probe(): void {
    expect(this.#answer(PROTOCOL_VERSION)).toEqual([0x10000])
    const attributes = this.#answer(ATTRIBUTES)
    expect(attributes).toHaveLength(8)
    this.groups = attributes[1]!
    this.attributes = attributes[6]!
    expect(this.#intervals(bit(this.attributes, PER_GROUP) ? OUTSIDE : ALL, NOBODY).length).toBeGreaterThan(0)
    this.#listAreas(this.attributes & 0xffff, attributes[0]!)
    this.readState()
  }

  /** At probe, and after RESET. */
  readState(): void {
    const [control, rate] = this.#answer(CONFIG_GET, NOBODY, OUTSIDE)
    // It sends this interval when a user switches telemetry on.
    expect(rate).not.toBe(0)
    this.interval = rate!
    if (!bit(control!, 0)) return
    this.#all(2, index => this.#answer(ENABLED_LIST, index, 0))
    for (const area of this.areas) this.reader(area).scan()
  }

  /** On first use. */
  enumerate(): void {
    const count = this.#answer(ATTRIBUTES)[0]!
    this.events = []
    for (let index = 0; index < count; ) {
      const [counts, ...words] = this.#answer(DE_DESCRIPTION, index)
      const returned = counts! & 0xffff
      expect(returned).toBeGreaterThan(0)
      expect(index + returned + (counts! >>> 16)).toBe(count)
      expect(4 * words.length).toBeGreaterThanOrEqual(DESCRIPTION * returned)
      let at = 0
      for (let i = 0; i < returned; i++) at += this.#describe(words, at)
      expect(at).toBe(words.length)
      index += returned
    }
    expect(new Set(this.events.map(({ id }) => id)).size).toBe(count)
    for (let group = 0; group < this.groups; group++) {
      expect(this.#answer(CONFIG_GET, group, GROUP)).toHaveLength(2)
      if (bit(this.attributes, PER_GROUP)) expect(this.#intervals(GROUP, group).length).toBeGreaterThan(0)
    }
  }

  /** Switches an event on; its line is read at once. */
  enable({ id, timestamp, channel }: Event, mode: 1 | 2): void {
    const [shmti, offset, block] = this.#answer(DE_CONFIGURE, id, mode)
    if (shmti === NOBODY) {
      expect([offset, block]).toEqual([0, 0])
      return
    }
    expect(channel).toBe(false)
    const area = this.areas[shmti!]!
    expect(offset! + AFTER_OFFSET).toBeLessThan(area.length)
    const line = this.reader(area)
      .scan()
      .lines.find(candidate => candidate.offset === offset)
    expect(line).toMatchObject({ id })
    // Some versions search from offset 0 with a step that is not a word's.
    if (mode === 2 && timestamp === 2) expect(block).toBeGreaterThan(0)
  }

  reader({ address, length }: Area): TdcfReader {
    return new TdcfReader(this.agent.agent.shared!.words, address - ADDRESS, length)
  }

  #answer(message: number, ...words: number[]): number[] {
    const [status, ...rest] = this.send(message, ...words)
    expect(status, `message 0x${message.toString(16)} of ${words}`).toBe(0)
    return rest
  }

  #describe(words: readonly number[], at: number): number {
    const [id, group, size, attributes] = words.slice(at, at + 4) as [number, number, number, number]
    expect(group === NOBODY || group < this.groups).toBe(true)
    expect(size).toBeGreaterThan(0)
    expect(size).toBeLessThanOrEqual(8)
    const timestamp = attributes & 3
    expect(timestamp).not.toBe(3)
    const channel = bit(attributes, 30)
    let length = DESCRIPTION + (timestamp === 1 ? LINE_RATE : 0)
    if (channel) {
      const [low, high, bytes] = words.slice(at + length / 4) as [number, number, number]
      // It reads value and timestamp, whatever size it is told.
      expect(bytes).toBeGreaterThanOrEqual(16)
      expect((low + high * 2 ** 32) % 8).toBe(0)
      length += CHANNEL
    }
    if (bit(attributes, 31)) length += NAME
    this.events.push({ id, group, timestamp, channel })
    return length / 4
  }

  #listAreas(announced: number, events: number): void {
    // It has as many places as were announced, and one version of it a place for each event.
    expect(announced).toBeLessThanOrEqual(Math.max(1, events))
    if (announced === 0) return
    const words = this.#all(5, index => this.#answer(LIST_SHMTI, index))
    this.areas = Array.from({ length: words.length / 5 }, (_, i) => {
      const [id, low, high, length, flags] = words.slice(5 * i, 5 * i + 5)
      // It takes ids for positions.
      expect([id, flags]).toEqual([i, 0])
      expect(length).toBeGreaterThanOrEqual(SHORTEST_AREA)
      return { address: low! + high! * 2 ** 32, length: length! }
    })
    expect(this.areas).toHaveLength(announced)
    for (const area of this.areas) expect(this.reader(area).scan().sequence).toBeGreaterThan(0)
  }

  #intervals(selector: number, group: number): number[] {
    const [flags, ...first] = this.#answer(INTERVALS, 0, group, selector)
    const linear = bit(flags!, 12)
    if (linear) expect([flags! & 0xfff, flags! >>> 16]).toEqual([3, 0])
    let values = first
    for (let left = flags! >>> 16; left > 0; ) {
      const [more, ...next] = this.#answer(INTERVALS, values.length, group, selector)
      values = [...values, ...next]
      left = more! >>> 16
    }
    return values
  }

  /** All parts of a list whose entries have so many words. */
  #all(entryWords: number, ask: (index: number) => number[]): number[] {
    const all: number[] = []
    for (;;) {
      const [counts, ...words] = ask(all.length / entryWords)
      expect(words).toHaveLength((counts! & 0xffff) * entryWords)
      all.push(...words)
      if (counts! >>> 16 === 0) return all
      expect(words.length).toBeGreaterThan(0)
    }
  }
}

const preset = (name: string): string =>
  readFileSync(join(import.meta.dirname, `../../../src/platform/presets/${name}.yaml`), 'utf8').replace(
    /^shared_memory: \{(?: address: \w+,)?/m,
    `shared_memory: { address: ${ADDRESS},`,
  )
const SMALLEST = `
vendor: acme
shared_memory: { address: ${ADDRESS} }
telemetry: { events: [{ id: 7, name: one, value: 1 }] }
`
const platforms = { smallest: SMALLEST, scmi4: preset('scmi4'), everything: preset('everything') }

describe.each(Object.entries(platforms))('%s', (_name, text) => {
  test('the driver probes it, enumerates it, and enables each event with and without timestamp', () => {
    const driver = new Driver(text)
    driver.probe()
    driver.enumerate()
    for (const event of driver.events) {
      driver.enable(event, 1)
      driver.enable(event, 2)
      expect(driver.send(DE_CONFIGURE, event.id, 0)).toEqual([0, NOBODY, 0, 0])
    }
  })

  test('telemetry goes on with the interval that the driver was told; a second probe finds it on, and RESET as at start', () => {
    const driver = new Driver(text)
    const atStart = driver.send(ENABLED_LIST, 0, 0)
    driver.probe()
    driver.enumerate()
    for (const event of driver.events) driver.enable(event, 1)
    expect(driver.send(CONFIG_SET, NOBODY, 0x41, driver.interval)).toEqual([0])
    driver.probe()
    expect(driver.send(ENABLED_LIST, 0, 0)[1]! & 0xffff).toBeGreaterThan(0)
    expect(driver.send(RESET, 0)).toEqual([0])
    driver.readState()
    expect(driver.send(ENABLED_LIST, 0, 0)).toEqual(atStart)
  })

  test('an event is in memory or in messages, never in both', () => {
    const driver = new Driver(text)
    driver.probe()
    driver.enumerate()
    for (const event of driver.events) driver.enable(event, 1)
    const inMemory = driver.areas.flatMap(area =>
      driver
        .reader(area)
        .scan()
        .lines.map(({ id }) => id),
    )
    driver.send(CONFIG_SET, NOBODY, 0x43, driver.interval)
    takeWords(driver.agent.events)
    driver.agent.time.advance(2_000_000)
    const updates = takeWords(driver.agent.events)
    expect(updates.length).toBeGreaterThan(0)
    for (const [, , , words = 0, ...lines] of updates) {
      expect(lines).toHaveLength(words)
      for (let at = 0; at < words; ) {
        expect(inMemory).not.toContain(lines[at + 1])
        at += lines[at]! & 4 ? 6 : 4
      }
    }
  })
})

test('a driver whose guest lacks the memory finds no area, and still probes', () => {
  const driver = new Driver(preset('scmi4'))
  driver.agent.agent.shared!.map(undefined)
  driver.probe()
  driver.enumerate()
  expect(driver.areas).toEqual([])
  for (const event of driver.events) driver.enable(event, 2)
})
