import type { Context } from '../../runner/context.js'
import { expectInstance, ROUNDS_LIMIT } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

const ROUNDS = 20

interface Turn {
  driver: string
  steps: string[]
  because: string
}

const VIRTIO: Turn = {
  driver: 'virtio driver',
  steps: ['-v', '+v'],
  because:
    'virtio.c:scmi_vio_remove leaves everything as before the probe, so the next probe gives the node an instance, as at boot',
}
const TRANSPORT: Turn = {
  driver: 'transport',
  steps: ['-t', '+t'],
  because:
    'common.h:__tag##_dev_free removes the instance and puts the supplier back; a probe makes a new instance: ' +
    'driver.c:scmi_chan_setup finds the channels free again',
}

/** Once, and checks that everything is back. */
async function once(t: Context, { steps, because }: Turn): Promise<void> {
  await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
  const clients = await t.call('clients')
  await t.step(`unbind and bind: ${steps.join(' ')}`)
  const got = () => t.idle(() => t.call('steps_and_answer', steps))
  await t.expect('the instance is back', { because, got, is: /^status 0 / })
  await t.expect('the drivers of its protocols are back', {
    because: 'driver.c:scmi_create_protocol_devices makes a device for each protocol, and the bus binds it',
    got: () => t.call('clients'),
    is: clients,
    withinMs: 3_000,
  })
}

async function often(t: Context, { steps, because }: Turn): Promise<void> {
  await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
  await t.step(`unbind and bind, ${ROUNDS} times: ${steps.join(' ')}`)
  const got = () => t.call('rounds', [ROUNDS, ...steps], ROUNDS_LIMIT)
  await t.expect('the instance is back', { because, got, is: `${ROUNDS}` })
}

export default family(
  {
    virtio: { turn: VIRTIO, play: once, times: 'once' },
    'virtio-20-times': { turn: VIRTIO, play: often, times: '20 times' },
    transport: { turn: TRANSPORT, play: once, times: 'once' },
    'transport-20-times': { turn: TRANSPORT, play: often, times: '20 times' },
  },
  ({ turn, play, times }) => ({
    summary: `the ${turn.driver} is unbound and bound again ${times}: instance and clients are back each time`,
    tags: times === 'once' ? ['ci'] : [],
    run: t => play(t, turn),
  }),
  ['virtio', 'transport-20-times'],
)
