/** The control socket: its permissions, who else may have its path, and clients that misbehave. */
import { statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ControlClient } from '../../src/access/control/client.js'
import { definePlatform } from '../../src/loading/load.js'
import { serve } from '../../src/server/serve.js'
import { FailedError, OperatorError } from '../../src/support/errors.js'
import { leaveStale } from './dead-socket.js'
import { CLOCK, PLATFORM, setUp, UART } from './rig.js'

describe('the socket', () => {
  it('is for its owner alone, and is removed with the device', async () => {
    const { server, control } = await setUp({ connect: false })
    const stat = statSync(control)
    expect([stat.isSocket(), stat.mode & 0o777]).toEqual([true, 0o600])
    server.close()
    expect(statSync(control, { throwIfNoEntry: false })).toBe(undefined)
  })

  it('is not taken from a running device', async () => {
    const { control, folder } = await setUp({ connect: false })
    const second = serve({
      platform: definePlatform({ vendor: 'b' }),
      endpoint: { socketPath: join(folder, 'second') },
      open: { control },
    })
    await expect(second).rejects.toThrow(
      new OperatorError(`${control} is served by a running process; stop it or give another --control`),
    )
    expect(statSync(join(folder, 'second'), { throwIfNoEntry: false })).toBe(undefined)
  })

  it('replaces that of a dead device, and no other file', async () => {
    const { folder } = await setUp({ connect: false })
    const open = async (control: string) => {
      const server = await serve({
        platform: definePlatform(PLATFORM),
        endpoints: { linux: { socketPath: join(folder, 'l2') }, rtos: { socketPath: join(folder, 'r2') } },
        open: { control },
      })
      server.close()
    }
    const file = join(folder, 'file')
    writeFileSync(file, '')
    await expect(open(file)).rejects.toThrow(`${file} exists and is not a socket; give another --control or remove it`)
    await expect(open(join(folder, 'no', 'such'))).rejects.toThrow(`there is no folder ${folder}/no`)
    const stale = join(folder, 'stale')
    await leaveStale(stale)
    await open(stale)
  })

  it('has different errors if it is missing, if its device is dead, and if that stops', async () => {
    const { folder, server, control, client } = await setUp({ connect: false })
    const refusal = async (path: string) => {
      const error = await ControlClient.open(path).catch((error: Error) => error)
      return error instanceof Error ? `${error.name}: ${error.message}` : 'opened'
    }
    const missing = join(folder, 'missing')
    expect(await refusal(missing)).toBe(
      `OperatorError: there is no socket ${missing}; start the device with --control ${missing}, or give another path`,
    )
    const stale = join(folder, 'stale')
    await leaveStale(stale)
    expect(await refusal(stale)).toBe(`FailedError: nothing listens on ${stale}: the device has exited`)
    const abort = new AbortController()
    const streaming = client.stream('watch', {}, () => {}, abort.signal)
    await client.call('getStats', undefined)
    server.close()
    await expect(streaming).rejects.toThrow(new FailedError(`the device at ${control} has stopped`))
    await expect(client.call('getStats', undefined)).rejects.toThrow(FailedError)
  })

  it('survives clients that send garbage or disconnect within a call', async () => {
    const rig = await setUp()
    const socket = connect(rig.control)
    await new Promise<void>(resolve => socket.write(Buffer.alloc(4096, 0xa5), () => resolve()))
    const second = await ControlClient.open(rig.control)
    void second.stream('streamMessages', {}, () => {}).catch(() => {})
    await second.call('getStats', undefined)
    second.close()
    socket.destroy()
    await rig.guest.send(CLOCK, 0x6, UART)
    expect((await rig.client.call('getStats', undefined)).agents[0]?.messages).toBe(1)
  })
})
