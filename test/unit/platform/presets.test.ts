/** Checks what the first lines of the presets promise. */
import { expect, test } from 'vitest'
import { loadPlatform } from '../../../src/loading/load.js'
import { clocks } from '../../../src/platform/clocks/index.js'
import { listOf } from '../../../src/platform/core/resource.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { presetNames } from '../../../src/platform/file/presets.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { sensors } from '../../../src/platform/sensors/index.js'

const load = async (name: string) => (await loadPlatform(name, { time: new VirtualTime() })).platform

test('large has 1,000 clocks, 500 sensors, 256 power domains, in a tree', async () => {
  const platform = await load('large')
  const counts = [platform.model(clocks), platform.model(sensors), platform.model(powerDomains)].map(
    ({ list }) => list.length,
  )
  expect(counts).toEqual([1000, 500, 256])
  expect(
    platform
      .model(clocks)
      .named('dev_899')
      .parents.map(({ name }) => name),
  ).toEqual(['bus_59', 'xtal'])
  expect(
    platform
      .model(powerDomains)
      .named('device_239')
      .parents.map(({ name }) => name),
  ).toEqual(['cluster_14'])
})

test('imx95 numbers things as the chip does', async () => {
  const platform = await load('imx95')
  const ids = (list: readonly { name: string; id: number }[], ...names: string[]) =>
    names.map(name => list.find(resource => resource.name === name)?.id)
  const clockIds = ids(
    platform.model(clocks).list,
    'osc24m',
    'ldbpll',
    'adc',
    'lpuart1',
    'disp1pix',
    'usdhc3',
    'gpu_cgc',
  )
  expect(clockIds).toEqual([2, 38, 41, 52, 80, 160, 174])
  expect(ids(platform.model(powerDomains).list, 'a55c0', 'display', 'wakeup')).toEqual([5, 13, 22])
  expect(ids(platform.model(perfDomains).list, 'a55', 'disp')).toEqual([8, 12])
  expect(ids(platform.model(sensors).list, 'temp_ana', 'temp_a55')).toEqual([0, 1])
})

test('juno sets rates and voltages by its operating points', async () => {
  const platform = await load('juno')
  const domains = platform.model(perfDomains)
  const big = domains.named('BIG_CPU')
  domains.setLevel(big, big.highest, 0)
  expect(platform.model(clocks).named('BIG_CLK').rateHz).toBe(1_200_000_000)
  expect(platform.model(sensors).named('VOLT_BIG').read(0)).toBe(1000)
})

test.each(presetNames())('%s: names are unique where Linux has one name space for several kinds', async name => {
  const platform = await load(name)
  const clockNames = listOf(platform, clocks).map(({ name }) => name)
  const genpdNames = [...listOf(platform, powerDomains), ...listOf(platform, perfDomains)].map(({ name }) => name)
  for (const names of [clockNames, genpdNames]) expect(new Set(names).size).toBe(names.length)
})
