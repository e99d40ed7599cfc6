import { resets } from '../../../src/platform/resets/index.js'
import { COLD_RESET } from '../../../src/platform/resets/model.js'
import { expectCall, expectHeard, expectSent, listen } from '../../runner/calls.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  onlyInAll: true,
  summary:
    'a module with SCMI drivers is loaded, used, unloaded and loaded again: its devices come and go, and its events end',
  platform: { vendor: 'acme', resets: [{ name: 'uart' }] },
  async run(t) {
    const model = t.server.platform.model(resets)
    const reset = () => model.reset(model.named('uart'), COLD_RESET, 0)
    const clients = () => t.call('clients')
    const before = await clients()
    for (const time of ['once', 'again']) {
      await t.step(`load the module ${time}`)
      const works =
        'bus.c:scmi_protocol_device_request: driver.c:scmi_device_request_notifier makes the devices asked for'
      await expectCall(t, 'an operation works', works, 'reset num_domains_get', '1')
      await t.expect('its drivers are bound', { because: works, got: clients, is: text => text !== before })
      const listener = await listen(t, 'reset issued 0', 'devm_listen')
      reset()
      await expectHeard(
        t,
        'it is told of a reset',
        works,
        listener,
        `issued: agent 0 domain 0 state 0x${COLD_RESET.toString(16)}`,
      )
      await t.step('unload the module')
      await t.call('unload_module')
      const ends = 'bus.c:scmi_protocol_device_unrequest: driver.c:scmi_destroy_protocol_devices destroys them'
      await t.expect('its drivers are gone', { because: ends, got: clients, is: before })
      await expectSent(t, 'the platform sends no more', 'notify.c: managed listeners end with their device', reset, 0)
    }
  },
})
