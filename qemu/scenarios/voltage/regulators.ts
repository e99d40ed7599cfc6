import { voltages } from '../../../src/platform/voltages/index.js'
import { OFF, ON } from '../../../src/platform/voltages/model.js'
import { expectEffect, expectRebound, used } from '../../runner/clients.js'
import { Heard } from '../../runner/messages.js'
import { scenario } from '../../runner/scenario.js'

const SETS = 'scmi-regulator.c:scmi_reg_set_voltage_sel sets the voltage that the selector stands for'
const READS = 'scmi-regulator.c asks the platform for voltage and state'

export default scenario({
  summary:
    'the regulators of the preset everything: voltages of lists and ranges, states, permissions; the driver is bound again',
  platform: 'everything',
  async run(t) {
    const model = t.server.platform.model(voltages)
    const domain = (name: string) => model.named(name)
    const heard = new Heard(t.server)
    const seen = () => t.call('regulators')
    await t.expect('there is a regulator for each voltage domain, with its voltage and state', {
      because: 'scmi-regulator.c:scmi_regulator_probe',
      got: seen,
      is: model.list
        .map(({ name, level, mode }) => `${name} ${level} ${mode === OFF ? 'disabled' : 'enabled'}`)
        .sort()
        .join('\n'),
    })

    await t.step('set voltages')
    for (const [name, microvolts, flags] of [
      ['vdd_cpu', 850_000, 0],
      ['vdd_cpu', 1_000_000, 0],
      ['vdd_gpu', 512_500, 0],
      ['vdd_gpu', 1_300_000, 0],
      ['vdd_memory_controller', 1_230_000, 1],
      ['vdd_memory_controller', 1_000_000, 1],
    ] as const) {
      heard.clear()
      await expectEffect(t, ['regulators', name, 'microvolts', microvolts], {
        because: SETS,
        platform: () => domain(name).level,
        is: microvolts,
      })
      await t.expect(`${name}: the voltage is set ${flags ? 'asynchronously' : 'at once'}`, {
        because: 'voltage.c:scmi_voltage_level_set: asynchronously where the platform can',
        got: () =>
          heard.take('VOLTAGE_LEVEL_SET').map(({ kind, request }) => [kind, (request as { flags?: number })?.flags]),
        is: flags
          ? [
              ['command', 1],
              ['delayed response', undefined],
            ]
          : [['command', 0]],
      })
    }
    for (const [name, microvolts] of [
      ['vdd_cpu', 860_000],
      ['vdd_gpu', 505_000],
      ['vdd_gpu', 1_400_000],
      ['vdd_sensor_hub', 1_800_000],
    ] as const) {
      const before = domain(name).level
      await expectEffect(t, ['regulators', name, 'microvolts', microvolts], {
        because: 'the domain has no such voltage, or it is not the guest’s to set: the kernel does not ask for it',
        guest: name === 'vdd_sensor_hub' ? 'Operation not permitted' : 'Invalid argument',
        platform: () => domain(name).level,
        is: before,
      })
    }
    model.setLevel(domain('vdd_gpu'), 600_000, 0)
    await t.expect('a voltage that the platform changes is read', {
      because: READS,
      got: () => used(t, 'regulators', 'vdd_gpu', 'microvolts'),
      is: '600000',
    })

    await t.step('switch regulators')
    for (const [on, mode] of [
      [1, ON],
      [0, OFF],
    ] as const) {
      await expectEffect(t, ['regulators', 'vdd_gpu', 'enabled', on], {
        because: 'scmi-regulator.c:scmi_reg_enable and scmi_reg_disable send VOLTAGE_CONFIG_SET',
        platform: () => domain('vdd_gpu').mode,
        is: mode,
      })
    }
    for (const [mode, state] of [
      [9, 'enabled'],
      [OFF, 'disabled'],
    ] as const) {
      model.setMode(domain('vdd_gpu'), mode, 0)
      await t.expect(`mode ${mode} of the platform is read as ${state}`, {
        because: 'scmi-regulator.c:scmi_reg_is_enabled looks at the lower bits of the mode',
        got: async () => /^vdd_gpu \d+ (\w+)$/m.exec(await seen())?.[1],
        is: state,
      })
    }

    await expectRebound(t, 'scmi-regulator', seen, '')
    await expectEffect(t, ['regulators', 'vdd_cpu', 'microvolts', 900_000], {
      because: SETS,
      platform: () => domain('vdd_cpu').level,
      is: 900_000,
    })
  },
})
