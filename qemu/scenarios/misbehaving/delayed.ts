import type { FaultRule } from '../../../src/faults/rules/rule.js'
import { expectReadable, expectReading, expectSaid, READABLE_LATER, TIMED_OUT, VALUE } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'

const COMMAND: FaultRule = { protocol: 'sensor', message: 'SENSOR_READING_GET', times: 1 }
const DELAYED: FaultRule = { ...COMMAND, on: 'delayed' }

interface Member {
  what: string
  /** A message that it holds is released after the reading. */
  rule: FaultRule
  reads: string
  because: string
  says?: string
  tags?: string[]
}

export default family<Member>(
  {
    'before-response': {
      what: 'comes before the response',
      rule: { ...COMMAND, hold: true },
      reads: VALUE,
      because:
        'driver.c:scmi_msg_response_validate takes the missing response as a success, and drops it when it comes',
      says: 'Received valid OoO Delayed Response',
      tags: ['ci'],
    },
    never: {
      what: 'never comes',
      rule: { ...DELAYED, drop: true },
      reads: TIMED_OUT,
      because: 'driver.c:do_xfer_with_response waits for SCMI_MAX_RESPONSE_TIMEOUT, two seconds',
      says: 'timed out in delayed resp',
    },
    'after-timeout': {
      what: 'comes after the timeout',
      rule: { ...DELAYED, hold: true },
      reads: TIMED_OUT,
      because:
        'driver.c:do_xfer_with_response gives up; later driver.c:scmi_xfer_command_acquire finds no such message',
      says: 'timed out in delayed resp',
    },
    twice: {
      what: 'comes twice',
      rule: { ...DELAYED, duplicate: 1 },
      reads: VALUE,
      because:
        'the first is right; for the second driver.c:scmi_xfer_command_acquire finds no message, or one that is done',
      says: 'type 2 is not expected|Invalid message type:2|Delayed Response for [0-9]+ not expected',
    },
    refused: {
      what: 'has the status HARDWARE_ERROR',
      rule: { ...DELAYED, status: 'HARDWARE_ERROR' },
      reads: 'Remote I/O error',
      because: 'driver.c:do_xfer_with_response checks the status of the delayed response, too',
    },
    'other-resource': {
      what: 'is about another sensor',
      rule: { ...DELAYED, words: { 2: 1 } },
      reads: 'Protocol error',
      because: 'sensors.c:scmi_sensor_reading_get compares the id with the requested one',
    },
  },
  ({ what, rule, reads, because, says, tags = [] }) => ({
    summary: `a delayed response ${what}: reading a sensor gives the right value or error, and so does the next reading`,
    tags,
    platform: READABLE_LATER,
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
      await t.step(`a delayed response that ${what}`)
      const { id } = t.server.faults.add(rule)
      await expectReading(t, 'the reader gets what it should', because, reads)
      t.server.faults.release(id)
      if (says) await expectSaid(t, because, says)
      await expectReadable(t, 'the next reading is right', 'a wrong reply affects only its own message')
    },
  }),
  ['before-response', 'never'],
)
