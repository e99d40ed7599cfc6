/** Server reflection: a client in Python that knows only the socket. */
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { python } from './python.js'
import { CLOCK, type ControlRig, nextEvents, setUp } from './rig.js'

vi.setConfig({ testTimeout: 120_000 })

const UART = 1

const call = (rig: ControlRig, method: string, request: object, count = 1) =>
  python(rig.control, method, JSON.stringify(request), String(count))

it('finds the service and its methods', async () => {
  const rig = await setUp({ connect: false })
  const [found] = (await python(rig.control)) as [{ services: string[]; methods: string[] }]
  expect(found.services).toContain('vhost_user_scmi.v1.Control')
  expect(found.methods).toContain('Watch')
  expect(found.methods).toContain('AddFault')
})

it('reads and sets, and gets errors by their codes', async () => {
  const rig = await setUp()
  await rig.guest.send(CLOCK, 0x9, UART, 1)
  const address = 'clock.uart.rate'
  expect(await call(rig, 'Set', { address, value: '48 MHz' })).toEqual([
    { reading: { address, number: 48e6, unit: 'Hz', shown: '48 MHz' }, notified: ['linux'] },
  ])
  expect((await nextEvents(rig))[0]?.slice(1)).toEqual([0, UART, 48e6, 0])
  expect(await call(rig, 'Get', { addresses: [address] })).toEqual([
    { readings: [{ address, number: 48e6, unit: 'Hz', shown: '48 MHz' }] },
  ])
  const refusals = [
    await call(rig, 'Set', { address, value: '1 V' }),
    await call(rig, 'Set', { address: 'clock.foo', value: '1' }),
    await call(rig, 'Set', { address: 'perf.dsp.frequency', value: '1' }),
    await call(rig, 'StartTrace', { file: '/no/such/trace' }),
    await call(rig, 'StartTrace', { file: '/dev/full' }),
  ]
  expect(refusals.flat()).toEqual([
    { code: 'INVALID_ARGUMENT', details: "clock.uart.rate can't be 1 V; allowed: 24 MHz, 48 MHz" },
    { code: 'NOT_FOUND', details: 'there is no clock.foo; there are clock.cpu, clock.uart' },
    { code: 'FAILED_PRECONDITION', details: "perf.dsp.frequency can't be set, only read" },
    { code: 'NOT_FOUND', details: '/no/such/trace: there is no folder /no/such; make it, or give another file' },
    {
      code: 'RESOURCE_EXHAUSTED',
      details: '/dev/full: no space left on device; free some space, or give a file elsewhere',
    },
  ])
})

it('streams, and gives data of any shape', async () => {
  const rig = await setUp()
  const rule = { message: 'CLOCK_RATE_GET', where: { clock_id: UART }, status: 'BUSY', times: 1 }
  expect(await call(rig, 'AddFault', { rule })).toEqual([{ id: 1, rule, active: true }])
  const watched = call(rig, 'StreamMessages', { protocols: ['clock'], failed: true })
  let answered: number[] = []
  const traffic = setInterval(async () => {
    answered = await rig.guest.send(CLOCK, 0x6, 99)
  }, 20)
  const [batch] = (await watched) as [{ messages: object[] }]
  clearInterval(traffic)
  expect(answered).toEqual([-4])
  expect(batch.messages[0]).toMatchObject({
    agent: 'linux',
    message: 'CLOCK_RATE_GET',
    status: -4,
    status_name: 'NOT_FOUND',
    request: { clock_id: 99 },
  })
  const [described] = (await call(rig, 'DescribeAgent', { agent: 'rtos' })) as [{ tables: { clocks: object[] } }]
  expect(described.tables.clocks).toEqual([
    { id: 0, name: 'uart', enabled: false, rate_hz: 24e6, rates_hz: [24e6, 48e6] },
  ])
})

it('is refused a trace while this device or another one writes one', async () => {
  const [rig, other] = [await setUp({ connect: false }), await setUp({ connect: false })]
  const file = join(rig.folder, 'trace')
  expect(await call(rig, 'StartTrace', { file })).toMatchObject([{ file, recording: true }])
  expect([
    ...(await call(rig, 'StartTrace', { file: `${file}2` })),
    ...(await call(other, 'StartTrace', { file })),
  ]).toEqual([
    {
      code: 'FAILED_PRECONDITION',
      details: `a trace is being recorded to ${file}; stop it before you start another`,
    },
    {
      code: 'FAILED_PRECONDITION',
      details: `${file}: another trace is being written to it; give another file or stop that one`,
    },
  ])
})
