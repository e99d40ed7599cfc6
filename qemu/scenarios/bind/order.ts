import { expectInstance, ROUNDS_LIMIT } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

const ROUNDS = 3

const WORDS: Record<string, string> = { v: 'virtio driver', t: 'transport', c: 'core' }

const sentence = (steps: string): string =>
  steps
    .split(' ')
    .map(step => `${step.startsWith('-') ? 'unbind' : 'bind'} ${WORDS[step[1]!]}`)
    .join(', ')

/** Steps of lab.sh. The core cannot be unbound by itself (bind/core); unbinding either of the others unbinds it. */
const ORDERS = {
  'vt-vt': '-v -t +v +t',
  'vt-tv': '-v -t +t +v',
  'tv-vt': '-t -v +v +t',
  'tv-tv': '-t -v +t +v',
  'vt-vtc': '-v -t +v +t +c',
  'tv-vtc': '-t -v +v +t +c',
  'v-v-t-t': '-v +v -t +t',
  't-t-v-v': '-t +t -v +v',
}

export default family(
  ORDERS,
  (order, name) => ({
    summary: `${sentence(order)}, ${ROUNDS} times: the instance is back each time`,
    tags: name === 'vt-tv' ? ['ci'] : [],
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      if (order.endsWith('+c')) await t.call('no_autoprobe')
      await t.step(`${ROUNDS} times ${order}`)
      await t.expect('the instance is back', {
        because:
          'the drivers can be bound in any order: a transport that finds no supplier is deferred until ' +
          'virtio.c:scmi_vio_probe has put one, and each removal undoes its probe',
        got: () => t.call('rounds', [ROUNDS, ...order.split(' ')], ROUNDS_LIMIT),
        is: `${ROUNDS}`,
      })
    },
  }),
  ['vt-tv', 'tv-vt', 'tv-tv'],
)
