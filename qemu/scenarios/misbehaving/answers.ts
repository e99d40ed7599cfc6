import type { FaultRule } from '../../../src/faults/rules/rule.js'
import {
  ANY_ERROR,
  expectReadable,
  expectReading,
  expectSaid,
  READABLE,
  SHORT_TIMEOUT,
  TIMED_OUT,
  VALUE,
} from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'

interface Member {
  /** What is wrong with the reply. */
  what: string
  /** Tried one after another, each on one reply. */
  rules: FaultRule[]
  /** What the reader gets. */
  reads: string | RegExp
  because: string
  /** What the kernel's log says about it. */
  says?: string
  tags?: string[]
}

const UNKNOWN = 'driver.c:scmi_xfer_command_acquire finds no such message in flight: it logs that and drops the reply'
const UNANSWERED = 'the reader waits for arm,max-rx-timeout-ms in driver.c:scmi_wait_for_reply'

export default family<Member>(
  {
    never: {
      what: 'never comes',
      rules: [{ drop: true }],
      reads: TIMED_OUT,
      because: UNANSWERED,
      says: 'timed out in resp',
      tags: ['ci'],
    },
    late: {
      what: 'comes late, but within the timeout',
      rules: [{ delay: '100 ms' }],
      reads: VALUE,
      because: 'driver.c:scmi_wait_for_reply waits for arm,max-rx-timeout-ms',
    },
    'after-timeout': {
      what: 'comes after the timeout',
      rules: [{ hold: true }],
      reads: TIMED_OUT,
      because: `${UNANSWERED}; later ${UNKNOWN}`,
      says: 'Message for [0-9]+ type 0 is not expected',
    },
    twice: {
      what: 'comes twice, the second time on the event queue',
      rules: [{ duplicate: 1 }],
      reads: VALUE,
      because: `the first reply is right; for the second ${UNKNOWN}`,
      says: 'type 0 is not expected|Invalid message type:0',
    },
    'other-token': {
      what: 'has the token of another message',
      rules: [{ header: { token: '+1' } }],
      reads: TIMED_OUT,
      because: `${UNKNOWN}, and ${UNANSWERED}`,
      says: 'Message for [0-9]+ type 0 is not expected',
      tags: ['ci'],
    },
    'other-command': {
      what: 'names another message, or another protocol',
      rules: [{ header: { message: 0x3 } }, { header: { protocol: 0x14 } }],
      reads: VALUE,
      because: 'a message in flight is found by its token only: driver.c:scmi_xfer_lookup_unlocked',
    },
    'unknown-type': {
      what: 'is of a message type that does not exist',
      rules: [{ header: { type: 1 } }],
      reads: TIMED_OUT,
      because: `driver.c:scmi_rx_callback drops unknown types, and ${UNANSWERED}`,
      says: 'received unknown msg_type',
    },
    'delayed-response': {
      what: 'says that it is a delayed response',
      rules: [{ header: { type: 2 } }],
      reads: TIMED_OUT,
      because: `driver.c:scmi_msg_response_validate refuses a delayed response to a synchronous command, and ${UNANSWERED}`,
      says: 'Delayed Response for [0-9]+ not expected',
    },
    notification: {
      what: 'says that it is a notification',
      rules: [{ header: { type: 3 } }],
      reads: TIMED_OUT,
      because: `driver.c:scmi_handle_notification handles it as a notification without listeners, and ${UNANSWERED}`,
      says: 'Invalid clear on A2P channel',
    },
    empty: {
      what: 'has no bytes',
      rules: [{ truncate: 0 }],
      reads: TIMED_OUT,
      because: `without a header no message can be found, and ${UNANSWERED}`,
    },
    'header-alone': {
      what: 'ends after the header',
      rules: [{ truncate: 4 }],
      reads: ANY_ERROR,
      because: 'a reply without a status (SCMI v3.2 §4.1.1) is no success',
    },
    short: {
      what: 'ends after the status',
      rules: [{ truncate: 8 }],
      reads: ANY_ERROR,
      because: 'its length says that the reply has no value (SCMI v3.2 §4.7.2.8)',
    },
    long: {
      what: 'is too long, or according to the used ring longer than its buffer',
      rules: [{ extend: 64 }, { used_length: 0xffff_ffff }],
      reads: VALUE,
      because: 'msg.c:msg_fetch_response copies no more than the message has room for, and the rest is ignored',
      tags: ['ci'],
    },
    status: {
      what: 'has an error status, known or unknown',
      rules: [{ status: 'GENERIC_ERROR' }, { status: -99 }, { status: 99 }],
      reads: 'Input/output error',
      because: 'common.h:scmi_to_linux_errno maps it and unknown statuses to -EIO',
    },
  },
  ({ what, rules, reads, because, says, tags = [] }) => ({
    summary: `a reply ${what}: reading a sensor gives the right value or error, and so does the next reading`,
    tags,
    platform: READABLE,
    ...(reads === TIMED_OUT ? { machine: { nodes: [SHORT_TIMEOUT] } } : {}),
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
      for (const rule of rules) {
        await t.step(`a reply under the rule ${JSON.stringify(rule)}`)
        const { id } = t.server.faults.add({ protocol: 'sensor', message: 'SENSOR_READING_GET', times: 1, ...rule })
        await expectReading(t, 'the reader gets what it should', because, reads)
        t.server.faults.release(id)
        if (says) await expectSaid(t, because, says)
      }
      await expectReadable(t, 'the next reading is right', 'a wrong reply affects only its own message')
    },
  }),
  ['never', 'other-token', 'short', 'long', 'status'],
)
