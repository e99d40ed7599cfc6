/** Checks what the first lines of the presets promise. */
import { expect, test } from 'vitest'
import { loadPlatform } from '../../../src/loading/load.js'
import { clocks } from '../../../src/platform/clocks/index.js'
import type { ResourceKind } from '../../../src/platform/core/platform.js'
import { listOf } from '../../../src/platform/core/resource.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { presetNames } from '../../../src/platform/file/presets.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { resets } from '../../../src/platform/resets/index.js'
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

test('boards leave out the ids that their firmware does', async () => {
  const idsOf = async (name: string) => (await load(name)).model(clocks).list.map(({ id }) => id)
  expect(await idsOf('rk3576')).toEqual([10, 11, 238, 456, 533, 604])
  const secure = [7, 8, 14, 15, 16, 17, 18, ...Array.from({ length: 13 }, (_, i) => 24 + i)]
  const rk3588 = await idsOf('rk3588')
  expect(Array.from({ length: 40 }, (_, id) => id).filter(id => !rk3588.includes(id))).toEqual(secure)
  const am62l = await idsOf('am62l')
  expect([am62l.length, am62l[0], am62l.at(-1)]).toEqual([53, 58, 358])
  const imx94 = await idsOf('imx94')
  expect([imx94.length, imx94.at(-1)]).toEqual([177, 182])
  for (const reserved of [18, 19, 20, 21, 22, 23]) expect(imx94).not.toContain(reserved)
  const stm32mp2 = await idsOf('stm32mp2')
  expect([stm32mp2.length, stm32mp2.at(-1)]).toEqual([108, 124])
})

test.each([
  ['imx94', clocks, { adc: 46, lpuart1: 57, a55: 64, noc: 108, usdhc3: 168, npu_cgc: 182 }],
  ['imx94', powerDomains, { m71: 3, a55c3: 8, display: 11, m70: 12, wakeup: 18, m33s: 19 }],
  ['imx94', perfDomains, { m33: 0, wakeup_perf: 2, dram: 5, a55: 9, disp: 10 }],
  ['am62l', clocks, { '6_MMCSD1': 109, '5_MMCSD0': 122, '6_MCAN2': 191, '0_MCSPI3': 308, '0_A53_1': 357 }],
  ['am62l', powerDomains, { TIMER0: 15, GPIO0: 34, EPWM0: 40, WKUP_VTM0: 46, MCSPI0: 72, UART0: 89 }],
  ['stm32mp2', clocks, { ck_flexgen_07: 7, ck_flexgen_63: 63, ck_icn_ls_mcu: 64, ck_pll3: 74, ck_bus_hpdma3: 103 }],
  [
    'rk3588',
    resets,
    { scmi_sr_cy_core: 15, scmi_sr_k_core: 25, scmi_sr_p_otp: 29, scmi_sr_h_boot: 33, scmi_sr_p_ky: 46 },
  ],
  [
    'r-car-x5h',
    clocks,
    { PERE_GPIODM0: 197, SDHI0: 204, SCIF4: 212, HSCIF0: 228, DRI71: 247, XPCS7: 323, MPPHY02: 348 },
  ],
  [
    'r-car-x5h',
    resets,
    { PERE_GPIODM0: 197, SDHI0: 204, HSCIF0: 228, APD12: 313, XPCS0: 316, RSW3MFWD: 335, MPPHY02: 348 },
  ],
  ['r-car-x5h', powerDomains, { VIPN: 0, UFS0: 12, RC11: 32, AC31: 111, CMN: 116, Q_CMN04: 206, Q_APU_P07: 254 }],
] as [string, ResourceKind<unknown, { list: readonly { name: string; id: number }[] }>, Record<string, number>][])(
  '%s numbers its resources as its firmware does (%#)',
  async (name, kind, ids) => {
    const { list } = (await load(name)).model(kind)
    const found = list.filter(resource => resource.name in ids).map(resource => [resource.name, resource.id])
    expect(Object.fromEntries(found)).toEqual(ids)
  },
)

test('r-car-x5h: 1,700 clocks, most of them modules that tell a rate of 0; some refuse commands', async () => {
  const { list } = (await load('r-car-x5h')).model(clocks)
  expect([list.length, list.filter(({ rateHz }) => rateHz === 0).length]).toEqual([1700, 1200])
  const refuses = (command: string) => list.filter(({ answers }) => answers?.has(command)).map(({ id }) => id)
  expect(refuses('CLOCK_ATTRIBUTES')).toEqual([198, 199, 200, 206, 207, 208, 228])
  expect(refuses('CLOCK_DESCRIBE_RATES')).toEqual([1699])
})

test('rk3588: a CPU clock that is set to 1.8 GHz runs at 1.608 GHz', async () => {
  const model = (await load('rk3588')).model(clocks)
  expect(model.named('scmi_clk_cpul').granted(1_800_000_000)).toBe(1_608_000_000)
})

test.each(presetNames())('%s: names are unique where Linux has one name space for several kinds', async name => {
  const platform = await load(name)
  const clockNames = listOf(platform, clocks).map(({ name }) => name)
  const genpdNames = [...listOf(platform, powerDomains), ...listOf(platform, perfDomains)].map(({ name }) => name)
  for (const names of [clockNames, genpdNames]) expect(new Set(names).size).toBe(names.length)
})
