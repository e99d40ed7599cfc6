/** The typed client: the same calls to a platform in this process and over a vhost-user socket. */
import { describe, expect, it } from 'vitest'
import { StatusError } from '../../src/client/client.js'
import { connectClient, createLocalClient, type StandardClient } from '../../src/client/index.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { driverOk } from '../../src/front-end/qemu.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import type { Message } from '../../src/observe/messages.js'
import { serve } from '../../src/server/serve.js'
import { DENIED, NOT_FOUND } from '../../src/wire/status.js'
import { inFolder } from '../cli/command.js'
import { Guest } from '../driver/guest.js'

const platform = definePlatform({
  vendor: 'acme',
  protocols: { clock: { max_pending_async: 2 } },
  clocks: [
    { name: 'cpu', rates: ['600 MHz', '1.2 GHz'], latency: '1 ms' },
    { name: 'fixed', rate: '24 MHz', permissions: { rate: false } },
  ],
})

/** Runs `body` with a client of each kind. */
function forEachClient(name: string, body: (client: StandardClient) => Promise<void>): void {
  it(`${name}, in process`, async () => {
    const client = await createLocalClient(platform)
    await body(client)
    client.close()
  })
  it(`${name}, over a socket`, () =>
    inFolder(async folder => {
      const server = await serve({ platform, endpoint: { socketPath: `${folder}/s` } })
      try {
        const client = await connectClient(`${folder}/s`)
        await body(client)
        client.close()
      } finally {
        server.close()
      }
    }))
}

describe('a typed client', () => {
  forEachClient('reads what a reply declares', async client => {
    const { vendor_identifier } = await client.base.BASE_DISCOVER_VENDOR()
    const text: string = vendor_identifier
    expect(text).toBe('acme')
    const { rate } = await client.clock.CLOCK_RATE_GET({ clock_id: 1 })
    const wide: bigint = rate
    expect(wide).toBe(24_000_000n)
  })

  forEachClient('changes what a request says', async client => {
    await client.clock.CLOCK_RATE_SET({ clock_id: 0, rate: 1.2e9 })
    expect(await client.clock.CLOCK_RATE_GET({ clock_id: 0 })).toEqual({ rate: 1_200_000_000n })
  })

  forEachClient('throws the status that is not SUCCESS', async client => {
    const failed = client.clock.CLOCK_RATE_GET({ clock_id: 9 })
    await expect(failed).rejects.toThrow(new StatusError('clock', 'CLOCK_RATE_GET', NOT_FOUND))
    await expect(client.clock.CLOCK_RATE_SET({ clock_id: 1, rate: 1 })).rejects.toMatchObject({ status: DENIED })
  })

  forEachClient('waits for a delayed response', async client => {
    const done = await client.clock.CLOCK_RATE_SET.delayed({ flags: 1, clock_id: 0, rate: 600e6 })
    expect(done).toEqual({ clock_id: 0, rate: 600_000_000n })
  })

  forEachClient('is told of notifications', async client => {
    const told: Message[] = []
    client.listen(message => told.push(message))
    await client.clock.CLOCK_RATE_NOTIFY({ clock_id: 0, notify_enable: 1 })
    await client.clock.CLOCK_RATE_SET({ clock_id: 0, rate: 1.2e9 })
    await until(() => told.length > 0, 'a notification')
    expect(told).toMatchObject([{ message: 'CLOCK_RATE_CHANGED', reply: { clock_id: 0, rate: 1_200_000_000n } }])
  })

  forEachClient('uses the layouts of the version that it negotiated', async client => {
    expect(await client.clock.CLOCK_ATTRIBUTES({ clock_id: 0 })).toHaveProperty('enable_delay')
    await client.clock.NEGOTIATE_PROTOCOL_VERSION({ version: 0x10000 })
    expect(await client.clock.CLOCK_ATTRIBUTES({ clock_id: 0 })).not.toHaveProperty('enable_delay')
    await client.clock.CLOCK_CONFIG_SET({ clock_id: 0, attributes: 1 })
  })

  forEachClient('names what is wrong with a request', async client => {
    await expect(client.send('clok', 'CLOCK_RATE_GET')).rejects.toThrow('there is no protocol clok; there are base, ')
    await expect(client.send('clock', 'RATE_GET')).rejects.toThrow(
      'clock has no command RATE_GET; it has PROTOCOL_VERSION, ',
    )
    await expect(client.send('clock', 'CLOCK_RATE_GET', { id: 1 })).rejects.toThrow(
      'there is no field id; there are clock_id',
    )
    await expect(client.send('clock', 'CLOCK_RATE_GET', { clock_id: 2 ** 32 })).rejects.toThrow(
      'clock_id: 4294967296 is not a whole number from 0 to 4294967295',
    )
    await expect(client.send('clock', 'CLOCK_RATE_GET', { clock_id: 0.5 })).rejects.toThrow(
      'clock_id: 0.5 is not a whole',
    )
  })

  it('is told at compile time of fields that a message does not have', async () => {
    const client = await createLocalClient(platform)
    // @ts-expect-error: there is no such field.
    await expect(client.clock.CLOCK_RATE_GET({ clock: 1 })).rejects.toThrow('there is no field clock')
    // @ts-expect-error: there is no such message.
    expect(client.clock.CLOCK_RATE_GETT).toBeUndefined()
  })
})

describe('a client over a socket', () => {
  it('says what to do if nothing listens', async () => {
    await expect(connectClient('/tmp/no-such-socket')).rejects.toThrow(
      '/tmp/no-such-socket: connect: No such file or directory; start a device with --socket-path /tmp/no-such-socket',
    )
  })

  it('is told when the back end goes', () =>
    inFolder(async folder => {
      const server = await serve({ platform, endpoint: { socketPath: `${folder}/s` } })
      const client = await connectClient(`${folder}/s`)
      server.close()
      await expect(client.base.PROTOCOL_VERSION()).rejects.toThrow('the back end closed the connection')
    }))

  it('gets along with a back end that does not acknowledge requests', () =>
    inFolder(async folder => {
      const server = await serve({ platform, endpoint: { socketPath: `${folder}/s` } })
      const frontEnd = FrontEnd.connect(`${folder}/s`)
      frontEnd.acknowledges = false
      const guest = new Guest()
      const { queues } = guest.driver
      await driverOk(frontEnd, { features: guest.features, memory: guest.memory, queues })
      expect(await guest.send(0x14, 0x6, 1)).toEqual([0, 24_000_000, 0])
      frontEnd.close()
      guest.close()
      server.close()
    }))

  it('sends more messages than the queue has room for at once', () =>
    inFolder(async folder => {
      const server = await serve({ platform, endpoint: { socketPath: `${folder}/s` } })
      const client = await connectClient(`${folder}/s`)
      const replies = await Promise.all(Array.from({ length: 100 }, () => client.clock.CLOCK_RATE_GET({ clock_id: 1 })))
      expect(new Set(replies.map(({ rate }) => rate))).toEqual(new Set([24_000_000n]))
      client.close()
      server.close()
    }))
})
