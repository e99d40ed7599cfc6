/** Linux on the preset `everything`: power domains, performance domains, cpufreq and powercaps in both directions. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { consumer, loadConsumers } from '../../qemu/guest/view/consumers.js'
import { nextNotification, powercapFolders, readPowerDomains } from '../../qemu/guest/view/drivers.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../src/platform/power-domains/index.js'
import { OFF, ON } from '../../src/platform/power-domains/model.js'
import { powercaps } from '../../src/platform/powercaps/index.js'
import type { Server } from '../../src/server/server.js'
import { expectNoFault } from './complaints.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const LIMIT_MS = 120_000
const WAIT_MS = 30_000
const POWER = 0x11
const POWERCAP = 0x18
const SUCCESS = 0

let guest: Guest
let server: Server
beforeAll(async () => {
  guest = await boot({ kernel: await testKernel(), platform: 'everything' })
  server = guest.server!
  await loadConsumers(guest)
}, KERNEL_LIMIT_MS)
afterAll(() => guest?.close(), LIMIT_MS)

const powerDomain = (name: string) => server.platform.model(powerDomains).named(name)
const perfDomain = (name: string) => server.platform.model(perfDomains).named(name)
const powercap = (name: string) => server.platform.model(powercaps).named(name)

test(
  'genpd: domains that no driver uses are switched off when Linux has started, unless they must stay on',
  async () => {
    expect(powerDomain('pd_display').state).toBe(OFF)
    expect(powerDomain('pd_always_on_subsystem').state).toBe(ON)
    expect(await readPowerDomains(guest)).toMatchObject({ pd_display: 'off-0', pd_always_on_subsystem: 'on' })
  },
  LIMIT_MS,
)

test(
  'genpd: a driver’s runtime PM switches its domain on and off, and the parent with it',
  async () => {
    const gpu = consumer(guest, 'power-domains', 'pd_gpu')
    await gpu.write('on', 1)
    expect(powerDomain('pd_gpu').state).toBe(ON)
    expect(powerDomain('pd_soc').state).toBe(ON)
    expect(await readPowerDomains(guest)).toMatchObject({ pd_gpu: 'on' })
    await gpu.write('on', 0)
    expect(powerDomain('pd_gpu').state).toBe(OFF)
    expect(powerDomain('pd_soc').state).toBe(OFF)
    expect(await readPowerDomains(guest)).toMatchObject({ pd_gpu: 'off-0' })
  },
  LIMIT_MS,
)

test(
  'power domain: a state that the platform changes is notified to the guest that subscribed',
  async () => {
    const { id } = powerDomain('pd_usb')
    expect((await guest.scmi(POWER, 0x6, [id, 1])).status).toBe(SUCCESS)
    server.platform.model(powerDomains).setState(powerDomain('pd_usb'), ON, 0)
    expect(await nextNotification(guest, POWER, 0x0)).toEqual([0, id, ON])
    server.platform.model(powerDomains).setState(powerDomain('pd_usb'), OFF, 0)
  },
  LIMIT_MS,
)

test(
  'scmi-perf-domain: a driver’s performance state is the level, as far as the limits allow',
  async () => {
    const gpu = consumer(guest, 'perf-domains', 'perf_gpu')
    await gpu.write('on', 1)
    await gpu.write('level', 1)
    expect(perfDomain('perf_gpu').level.level).toBe(1)
    await gpu.write('level', 2)
    expect(perfDomain('perf_gpu').level.level).toBe(2)
    server.platform.model(perfDomains).setPlatformLimits(perfDomain('perf_gpu'), {})
    await gpu.write('level', 4)
    expect(perfDomain('perf_gpu').level.level).toBe(4)
    await gpu.write('on', 0)
  },
  LIMIT_MS,
)

/** The policy of a CPU: cpu0 runs in the first domain with "cpu" in its name, cpu1 in the second. */
const policy = (cpu: number, file: string): string => `/sys/devices/system/cpu/cpufreq/policy${cpu}/${file}`
const readKhz = async (cpu: number, file: string): Promise<number> => Number(await guest.readFile(policy(cpu, file)))

test(
  'scmi-cpufreq: the policies offer the frequencies of the domains, those above the sustained level as boost',
  async () => {
    const frequencies = async (cpu: number, file: string): Promise<number[]> =>
      (await guest.readFile(policy(cpu, file))).trim().split(' ').map(Number)
    for (const [cpu, name] of ['perf_cpu_little', 'perf_cpu_cluster_big'].entries()) {
      const { levels, sustainedLevel } = perfDomain(name)
      const khz = (boost: boolean): number[] =>
        levels.filter(({ level }) => level > sustainedLevel === boost).map(({ frequencyKhz }) => frequencyKhz)
      expect(await frequencies(cpu, 'scaling_available_frequencies')).toEqual(khz(false))
      expect(await frequencies(cpu, 'scaling_boost_frequencies')).toEqual(khz(true))
    }
    expect(await guest.readFile(policy(0, 'scaling_driver'))).toBe('scmi\n')
    expect(await guest.check('dmesg | grep -c "EM: created perf domain"')).toBe('2\n')
  },
  LIMIT_MS,
)

test(
  'scmi-cpufreq: a frequency set in the guest is the platform’s level, by level and by index',
  async () => {
    for (const [cpu, khz] of [
      [0, 600_000],
      [0, 816_000],
      [1, 1_200_000],
      [1, 600_000],
    ] as const) {
      await guest.writeFile(policy(cpu, 'scaling_governor'), 'userspace')
      await guest.writeFile(policy(cpu, 'scaling_setspeed'), String(khz))
      const domain = perfDomain(cpu === 0 ? 'perf_cpu_little' : 'perf_cpu_cluster_big')
      expect(domain.level.frequencyKhz).toBe(khz)
      expect(await readKhz(cpu, 'cpuinfo_cur_freq')).toBe(khz)
    }
  },
  LIMIT_MS,
)

test(
  'scmi-cpufreq: a level that the platform changes is the frequency that the guest reads',
  async () => {
    const domain = perfDomain('perf_cpu_cluster_big')
    server.platform.model(perfDomains).setLevel(domain, domain.levels[2]!, 0)
    expect(await readKhz(1, 'cpuinfo_cur_freq')).toBe(1_800_000)
  },
  LIMIT_MS,
)

test(
  'scmi-cpufreq: a limit that the platform imposes bounds the policy, and ends with it',
  async () => {
    const model = server.platform.model(perfDomains)
    for (const [cpu, name, max, khz, all] of [
      [0, 'perf_cpu_little', 600, 600_000, 1_008_000],
      [1, 'perf_cpu_cluster_big', 20, 1_200_000, 1_800_000],
    ] as const) {
      await guest.writeFile(policy(cpu, 'scaling_governor'), 'performance')
      await expect.poll(() => perfDomain(name).level.frequencyKhz, { timeout: WAIT_MS }).toBe(all)
      model.setPlatformLimits(perfDomain(name), { max })
      await expect.poll(() => readKhz(cpu, 'scaling_max_freq'), { timeout: WAIT_MS }).toBe(khz)
      await expect.poll(() => readKhz(cpu, 'scaling_cur_freq'), { timeout: WAIT_MS }).toBe(khz)
      expect(perfDomain(name).level.level).toBe(max)
      model.setPlatformLimits(perfDomain(name), {})
      await expect.poll(() => readKhz(cpu, 'scaling_max_freq'), { timeout: WAIT_MS }).toBe(all)
      await expect.poll(() => perfDomain(name).level.frequencyKhz, { timeout: WAIT_MS }).toBe(all)
    }
  },
  LIMIT_MS,
)

test(
  'powercap: the zones are the platform’s domains, one within the other, with their power',
  async () => {
    const zones = await powercapFolders(guest)
    expect(Object.keys(zones).sort()).toEqual(
      server.platform
        .model(powercaps)
        .list.map(({ name }) => name)
        .sort(),
    )
    expect(zones.cap_gpu!.startsWith(`${zones.cap_soc}:`)).toBe(true)
    server.platform.model(powercaps).setPower(powercap('cap_soc'), 9_250)
    expect(await guest.readFile(`${zones.cap_soc}/power_uw`)).toBe('9250000\n')
    server.platform.model(powercaps).setPower(powercap('cap_cpu_cluster_big'), 4_125_000)
    expect(await guest.readFile(`${zones.cap_cpu_cluster_big}/power_uw`)).toBe('4125000\n')
  },
  LIMIT_MS,
)

test(
  'powercap: a constraint set in the guest is the platform’s cap, also asynchronously; the interval likewise',
  async () => {
    const zones = await powercapFolders(guest)
    await guest.writeFile(`${zones.cap_soc}/constraint_0_power_limit_uw`, '12000000')
    expect(powercap('cap_soc').cap).toBe(12_000)
    await guest.writeFile(`${zones.cap_cpu_cluster_big}/constraint_0_power_limit_uw`, '2500000')
    expect(powercap('cap_cpu_cluster_big').cap).toBe(2_500_000)
    await guest.writeFile(`${zones.cap_soc}/constraint_0_time_window_us`, '500000')
    expect(powercap('cap_soc').paiUs).toBe(500_000)
  },
  LIMIT_MS,
)

test(
  'powercap: a zone is enabled and disabled from the guest',
  async () => {
    const { cap_gpu: zone } = await powercapFolders(guest)
    expect(await guest.readFile(`${zone}/enabled`)).toBe('0\n')
    await guest.writeFile(`${zone}/constraint_0_power_limit_uw`, '3000000')
    expect(powercap('cap_gpu').cap).toBe(0)
    await guest.writeFile(`${zone}/enabled`, '1')
    expect(powercap('cap_gpu').cap).toBe(3_000_000)
    await guest.writeFile(`${zone}/enabled`, '0')
    expect(powercap('cap_gpu').cap).toBe(0)
  },
  LIMIT_MS,
)

test(
  'powercap: a cap that the platform changes is notified to the guest that subscribed, and is read',
  async () => {
    const { cap_soc: zone } = await powercapFolders(guest)
    const soc = powercap('cap_soc')
    expect((await guest.scmi(POWERCAP, 0xa, [soc.id, 1])).status).toBe(SUCCESS)
    server.platform.model(powercaps).setCap(soc, 8_000, 0)
    expect(await nextNotification(guest, POWERCAP, 0x0)).toEqual([0, soc.id, 8_000, soc.paiUs])
    expect(await guest.readFile(`${zone}/constraint_0_power_limit_uw`)).toBe('8000000\n')
  },
  LIMIT_MS,
)

test('no scmi driver warned, and nothing went wrong in the device', () => expectNoFault(guest), LIMIT_MS)
