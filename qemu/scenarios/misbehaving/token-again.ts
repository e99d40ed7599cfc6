import { tokenOf } from '../../../src/wire/header.js'
import { expectReadable, expectReading, readableLater, VALUE } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary:
    'a response comes after its delayed response, when another command has the token: each command gets its own answer',
  platform: readableLater,

  async run(t) {
    await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
    const { faults } = t.server
    const late = faults.add({ protocol: 'sensor', message: 'SENSOR_READING_GET', hold: true, times: 1 })
    let token = 0
    faults.once('hit', ({ header }) => {
      token = tokenOf(header)
    })
    await t.step('a delayed response that comes before the response')
    const because = 'driver.c:scmi_msg_response_validate takes the missing response for a success'
    await expectReading(t, 'the delayed response is enough', because, VALUE)
    const next = faults.add({ protocol: 'base', hold: true, times: 1 })
    await t.step('another command with the token, and then the response')
    await t.call('ask', [token])
    await t.expect('the device has the other command', {
      because: 'the token is free: raw_mode.c:scmi_xfer_raw_get_init registers it again',
      got: () => next.held.length,
      is: 1,
      withinMs: 5_000,
    })
    faults.release(late.id)
    faults.release(next.id)
    await t.expect('the other command gets its own answer', {
      because:
        'a response carries protocol and message id besides the token (SCMI v3.2 §4.1.2), so that both can be compared',
      got: () => t.call('asked'),
      is: /^status 0 \(SUCCESS\)\n0x0002\d{4}$/,
    })
    await expectReadable(t, 'the sensor can be read afterwards', 'an answer is about its own message alone')
  },
})
