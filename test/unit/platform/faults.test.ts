/** Fault rules in the platform file and beside it, as they are loaded. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FaultRule } from '../../../src/faults/rules/rule.js'
import { definePlatform, type LoadOptions, loadPlatform, rulesText } from '../../../src/loading/load.js'
import { VirtualTime } from '../../../src/platform/core/time.js'

const BUSY: FaultRule = { protocol: 'base', status: 'BUSY', times: 1 }

const load = (definition: Record<string, unknown>, options: LoadOptions = {}) =>
  loadPlatform(definePlatform({ vendor: 'acme', clocks: [{ name: 'uart', rate: 24e6 }], ...definition }), {
    time: new VirtualTime(),
    ...options,
  })

const given = ({ faults }: Awaited<ReturnType<typeof load>>) =>
  faults.map(({ place, rules }) => [place, rules.map(rule => rule.given)])

describe('rules of a platform file', () => {
  it('are loaded as they are written', async () => {
    const rule = { message: 'CLOCK_ATTRIBUTES', where: { clock_id: '0..3' }, delay: '2 ms' }
    const loaded = await load({ faults: [BUSY, rule] })
    expect(given(loaded)).toEqual([['definePlatform', [BUSY, rule]]])
    expect(rulesText(loaded.faults)).toBe('fault rules: 2 of definePlatform')
  })

  it('come after those of --faults or of the program', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'platform-faults-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'more.yaml')
    writeFileSync(path, '[{ drop: true }]')
    const loaded = await load({ faults: [BUSY] }, { faults: path })
    expect(given(loaded)).toEqual([
      [path, [{ drop: true }]],
      ['definePlatform', [BUSY]],
    ])
    expect(rulesText(loaded.faults)).toBe(`fault rules: 1 of ${path}, 1 of definePlatform`)
    expect(given(await load({ faults: [BUSY] }, { faults: [{ drop: true }] }))[0]).toEqual([
      'the program',
      [{ drop: true }],
    ])
  })

  it('are none without the key', async () => {
    const { faults } = await load({})
    expect([faults, rulesText(faults)]).toEqual([[], undefined])
  })

  it('name agents of the file, and of the command line', async () => {
    const file = { agents: [{ name: 'host' }], faults: [{ ...BUSY, agent: 'other' }] }
    await expect(load(file)).rejects.toThrow('faults[0].agent: other is not one of host')
    expect(given(await load(file, { agents: ['other'] }))).toHaveLength(1)
    await expect(load({ faults: [{ ...BUSY, agent: 'host' }] })).rejects.toThrow('host is not one of guest')
  })

  it('name protocols of plug-ins', async () => {
    const file = { vendor: 'NXP', sub_vendor: 'IMX', faults: [{ protocol: 'imx_misc', drop: true }] }
    await expect(load(file)).rejects.toThrow('faults[0].protocol: imx_misc is not one of base, power, system')
    expect(given(await load({ ...file, plugins: ['imx'] }))).toHaveLength(1)
  })
})

describe('a wrong rule is one line with its place in the file', () => {
  it.each([
    [[{ drop: true, tims: 1 }], 'definePlatform:7:5: faults[0].tims: is not a known key; did you mean times? '],
    [[{ drop: true }, {}], 'definePlatform:7:5: faults[1]: it does nothing; give at least one of drop, '],
    [
      [{ drop: true, message: 'CLOCK_RATE_GET', where: { clock_id: '5..' } }],
      'definePlatform:9:17: faults[0].where.clock_id: 5.. is not a whole number or a range; write e.g. 10, or 10..20',
    ],
    ['BUSY', 'definePlatform:5:9: faults: BUSY is not a list'],
  ])('%j', async (faults, message) => {
    await expect(load({ faults })).rejects.toThrow(message)
  })

  it('also if the file beside it is wrong', async () => {
    await expect(load({}, { faults: '/none.yaml' })).rejects.toThrow('/none.yaml: there is no such file')
  })
})
