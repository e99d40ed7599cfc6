/** What Linux makes of the presets that are boards: what it complains about, as on the board, and what it finds. */
import { expect } from 'vitest'
import type { Guest } from '../../qemu/guest/guest.js'
import { readClocks } from '../../qemu/guest/view.js'

export interface Board {
  /** CPUs of the guest; default: 2. */
  cpus?: number
  /** A complaint of Linux that the board causes, too. */
  known?: RegExp
  check?: (guest: Guest) => Promise<void>
}

/** Names of the clocks that Linux has registered. */
const clockNames = async (guest: Guest): Promise<string[]> => (await readClocks(guest)).map(({ name }) => name)

/** Where the energy models of CPUs are. */
const ENERGY_MODELS = 'ls -d /sys/kernel/debug/energy_model/cpu*'

const lines = async (guest: Guest, command: string): Promise<string[]> =>
  (await guest.check(command)).trimEnd().split('\n')

export const BOARDS: Record<string, Board> = {
  am62l: {
    async check(guest) {
      const names = await clockNames(guest)
      expect(names.filter(name => /^\d_[A-Z]/.test(name))).toHaveLength(53)
      expect(names).toEqual(expect.arrayContaining(['2_TIMER0', '0_UART0', '0_A53_1']))
    },
  },
  imx94: {
    async check(guest) {
      const names = await clockNames(guest)
      expect(names).toEqual(expect.arrayContaining(['audiopll2', 'encpll_vco', 'adc', 'xspi2', 'npu_cgc']))
      const drivers = await lines(guest, 'ls /sys/bus/scmi_protocol/drivers/ | grep scmi-imx')
      for (const driver of drivers) {
        expect(await guest.check(`ls /sys/bus/scmi_protocol/drivers/${driver}`), driver).toMatch(/scmi_dev/)
      }
    },
  },
  juno: {
    async check(guest) {
      expect(await lines(guest, ENERGY_MODELS)).toHaveLength(2)
    },
  },
  morello: {
    // Linux enables the sensors of thermal zones by SENSOR_CONFIG_SET, which version 1.0 of the protocol does not have.
    known: /Error enabling sensor .* err=-2/,
  },
  'r-car-x5h': {
    async check(guest) {
      const names = await clockNames(guest)
      // Seven refuse CLOCK_ATTRIBUTES, and have no name for Linux.
      expect(names.filter(name => /^(MDLC|CLK)_/.test(name))).toHaveLength(197 + 2 + 8 + 851 + 491 + 1 + 7 + 1)
      expect(names).toEqual(expect.arrayContaining(['PERE_GPIODM0', 'HSCIF1', 'CLK_S0D6_PERE_MAIN', 'CLK_1699']))
      for (const refused of ['PERE_GPIODM1', 'PERW_GPIODM3', 'HSCIF0']) expect(names).not.toContain(refused)
      expect(await guest.check('ls -d /sys/kernel/debug/pm_genpd/*/ | wc -l')).toBe('255\n')
    },
  },
  rk3576: {
    async check(guest) {
      const names = (await clockNames(guest)).filter(name => /^(scmi|aclk)_/.test(name))
      const expected = [
        'scmi_armclkl',
        'scmi_armclkb',
        'scmi_clk_npu',
        'scmi_clk_gpu',
        'scmi_aclk_cci',
        'aclk_secure_s',
      ]
      expect(names.sort()).toEqual(expected.sort())
    },
  },
  rk3588: {
    async check(guest) {
      expect((await clockNames(guest)).filter(name => name.startsWith('scmi_'))).toHaveLength(20)
    },
  },
  stm32mp2: {
    async check(guest) {
      const frequencies = '/sys/devices/system/cpu/cpufreq/policy0/scaling_available_frequencies'
      expect((await guest.check(`cat ${frequencies}`)).trim()).toBe('1200000')
      // With powers of 0 there is no energy model.
      expect((await guest.run(ENERGY_MODELS)).status).not.toBe(0)
    },
  },
  x1e: {
    cpus: 8,
    async check(guest) {
      const log = await guest.dmesg()
      expect(log).toContain('Enabling SCMI Quirk [quirk_perf_level_get_fc_force]')
      expect(log.match(/\[Firmware Bug\]: Failed to add opps_by_lvl at 3244800 for NCC1 - ret:-16/g)).toHaveLength(1)
      const policies = await lines(guest, 'cat /sys/devices/system/cpu/cpufreq/policy*/affected_cpus')
      expect(policies).toEqual(['0 1 2 3', '4 5 6 7'])
    },
  },
}
