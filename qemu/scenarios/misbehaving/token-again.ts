import { expectReadable, expectReading, READABLE_LATER, VALUE } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'
import { ask, expectAnswered, firstHit } from '../../runner/tokens.js'

export default scenario({
  onlyInAll: true,
  summary:
    'a response comes after its delayed response, when another command has the token: each command gets its own reply',
  platform: READABLE_LATER,

  async run(t) {
    await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
    const { faults } = t.server
    const late = faults.add({ protocol: 'sensor', message: 'SENSOR_READING_GET', hold: true, times: 1 })
    const first = firstHit(t)
    await t.step('a delayed response that comes before the response')
    const because = 'driver.c:scmi_msg_response_validate takes the missing response for a success'
    await expectReading(t, 'the delayed response is enough', because, VALUE)
    const next = faults.add({ protocol: 'base', hold: true, times: 1 })
    await t.step('another command with the token, and then the response')
    await ask(t, first.token)
    await t.expect('the device has the other command', {
      because: 'the token is free: raw_mode.c:scmi_xfer_raw_get_init registers it again',
      got: () => next.held.length,
      is: 1,
      withinMs: 5_000,
    })
    faults.release(late.id)
    faults.release(next.id)
    await expectAnswered(
      t,
      'the other command gets its own answer',
      'a response carries protocol and message id besides the token (SCMI v3.2 §4.1.2), so that both can be compared',
    )
    await expectReadable(t, 'the sensor can be read afterwards', 'an answer is about its own message alone')
  },
})
