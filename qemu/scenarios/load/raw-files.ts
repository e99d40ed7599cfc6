import type { Context } from '../../runner/context.js'
import { expectReadable, READABLE_LATER } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

/** Base's PROTOCOL_VERSION with a token, as it is on the wire, and what the platform answers. */
const reply = (token: number): string =>
  `${((token << 18) | (0x10 << 10)).toString(16).padStart(8, '0')} 00000000 00020001`

const QUEUES = 'raw_mode.c:scmi_raw_message_report keeps messages in a queue for each kind'

async function expectNext(t: Context, what: string, because: string, file: string, is: string): Promise<void> {
  await t.expect(what, { because, got: () => t.idle(() => t.call('next_in', [file])), is })
}

export default scenario({
  onlyInAll: true,
  summary:
    "the raw mode's other files: asynchronous and polled commands, unexpected replies, what is left unread, a reset, counters",
  platform: READABLE_LATER,
  async run(t) {
    await expectReadable(t, 'the sensor can be read', 'driver.c:scmi_probe')
    await t.step('a second reply to a command')
    t.server.faults.add({ protocol: 'base', message: 'PROTOCOL_VERSION', duplicate: 1, times: 1 })
    await t.call('send', ['-t', 77, '0x10', '0x0'])
    const errors = 'driver.c:scmi_handle_response gives what nobody waits for to raw_mode.c:scmi_raw_error_report'
    await expectNext(t, 'it is in the file for errors', errors, 'errors', reply(77))
    await expectNext(t, 'and only once', errors, 'errors', 'nothing')

    await t.step('a reply that nobody reads')
    await t.call('leave', [78])
    await expectNext(t, 'the next reader gets it', QUEUES, 'message', reply(78))
    await t.call('leave', [79])
    await t.expect('it can be read in parts', {
      because: 'raw_mode.c:scmi_dbg_raw_mode_common_read keeps what is left of a message',
      got: () => t.call('in_parts'),
      is: reply(79),
    })
    for (const token of [80, 81]) await t.call('leave', [token])
    await t.call('reset_raw')
    await t.call('leave', [82])
    await t.expect('a reset drops what was there', {
      because: 'raw_mode.c:scmi_xfer_raw_reset',
      got: () => t.call('next_in', ['message']),
      // The second may come only after the reset.
      is: next => next === reply(82) || next === reply(81),
    })
    await t.expect('a message without a header is refused', {
      because: 'raw_mode.c:scmi_xfer_raw_get_init',
      got: () => t.call('send_bytes', ['ab']),
      is: 'Invalid argument',
    })

    await t.step('asynchronous commands, with and without polling')
    const later = 'raw_mode.c:scmi_xfer_raw_worker waits for the response, then for the delayed one'
    for (const how of ['-a', '-pa']) {
      await t.expect(`a command with scmi-raw ${how}: its delayed response`, {
        because: later,
        got: () => t.call('send', [how, '0x15', '0x6', 0, 1]),
        // A busy guest may see the delayed response first, and drops the response then.
        is: /^(status 0 .*)?delayed 0 [\s\S]*0x00000ce4/,
      })
    }
    await t.step('counters')
    const counts = 'driver.c:scmi_debugfs_common_setup; scmi_inc_count'
    const sent = async () => Number(await t.call('counter', ['sent_ok']))
    await t.expect('messages were counted', { because: counts, got: sent, is: count => count > 10 })
    await t.call('reset_counters')
    await t.expect('none after a reset', { because: 'driver.c:reset_counts_write', got: sent, is: 0 })
    await expectReadable(t, 'the sensor can be read afterwards', 'nothing was lost')
    await t.expect('that was counted', { because: counts, got: sent, is: count => count > 0 })
  },
})
