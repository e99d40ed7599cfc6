import { voltages } from '../../../src/platform/voltages/index.js'
import { ON } from '../../../src/platform/voltages/model.js'
import { expectEffect, olderVersions } from '../../runner/clients.js'
import { Heard } from '../../runner/messages.js'
import { expectSaid } from '../../runner/readings.js'

const NAME = 'vdd_with_a_long_name'
const SHORT_NAME = NAME.slice(0, 15)

export default olderVersions('voltage', [1, 2], version => ({
  summary: `voltage protocol ${version}.0: voltages, states; ${version === 1 ? 'nothing is set asynchronously' : 'asynchronously, too'}`,
  onlyInAll: true,
  platform: { voltages: [{ name: NAME, levels: ['900 mV', '1 V'], async: { latency: '30 ms' } }] },
  async run(t) {
    const heard = new Heard(t.server)
    const domain = t.server.platform.model(voltages).named(NAME)
    const because =
      'voltage.c:scmi_voltage_descriptors_get takes long names and asynchronous commands from version 2.0 on'
    await expectSaid(t, because, `Regulator ${version === 1 ? SHORT_NAME : NAME} registered for domain \\[0\\]`)
    for (const level of [1_000_000, 900_000]) {
      await expectEffect(t, ['regulators', NAME, 'microvolts', level], {
        because,
        platform: () => [domain.level, heard.commands('VOLTAGE_LEVEL_SET').map(({ flags }) => flags)],
        is: [level, [version === 1 ? 0 : 1]],
      })
    }
    await expectEffect(t, ['regulators', NAME, 'enabled', 1], { because, platform: () => domain.mode, is: ON })
  },
}))
