/** Metrics: what devices count, as a scraper gets it. */
import { request } from 'node:http'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Clients } from '../../src/access/http/clients.js'
import { metricsText } from '../../src/access/metrics/metrics.js'
import { MetricsServer } from '../../src/access/metrics/server.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { CLOCK, type ControlRig, setUp } from '../control/rig.js'
import { Guest } from '../driver/guest.js'
import { onlyValue, parseMetrics, samplesOf } from '../support/prometheus.js'

const UART = 1
const RATE_GET = 0x6
const RATE_NOTIFY = 0x9

const scrape = async ({ server }: ControlRig) => parseMetrics(await metricsText(server, '1.2.3'))

describe('metrics', () => {
  it('are what the statistics say, by agent, protocol, message and status', async () => {
    const rig = await setUp()
    for (let i = 0; i < 5; i++) await rig.guest.send(CLOCK, RATE_GET, UART)
    await rig.guest.send(CLOCK, RATE_GET, 99)
    await rig.guest.send(0x99, 0)
    await rig.client.call('addFault', { rule: { message: 'CLOCK_RATE_GET', status: 'BUSY', times: 1 } })
    await rig.guest.send(CLOCK, RATE_GET, UART)
    const metrics = await scrape(rig)
    const get = { agent: 'linux', protocol: 'clock', message: 'CLOCK_RATE_GET' }
    expect(onlyValue(metrics, 'scmi_messages_total', { ...get, status: 'SUCCESS' })).toBe(5)
    expect(onlyValue(metrics, 'scmi_messages_total', { ...get, status: 'NOT_FOUND' })).toBe(1)
    expect(onlyValue(metrics, 'scmi_unknown_protocol_total', { agent: 'linux' })).toBe(1)
    expect(onlyValue(metrics, 'scmi_fault_hits_total', { agent: 'linux' })).toBe(1)
    expect(onlyValue(metrics, 'scmi_fault_hits_total', { agent: 'rtos' })).toBe(0)
    expect(onlyValue(metrics, 'scmi_connected', { agent: 'linux' })).toBe(1)
    expect(onlyValue(metrics, 'scmi_driver_running', { agent: 'rtos' })).toBe(0)
    expect(samplesOf(metrics, 'scmi_info')[0]!.labels).toEqual({ version: '1.2.3', vendor: 'acme', sub_vendor: 'rig' })
    expect(metrics.types.scmi_messages_total).toBe('counter')
  })

  it('have histograms of the times that the statistics have, each bucket with what is below it', async () => {
    const rig = await setUp()
    for (let i = 0; i < 300; i++) await rig.guest.send(CLOCK, RATE_GET, UART)
    const metrics = await scrape(rig)
    const { latency } = rig.server.stats()[0]!.protocols[0]!.messages[0]!
    const labels = { agent: 'linux', protocol: 'clock', message: 'CLOCK_RATE_GET' }
    const name = 'scmi_message_duration_seconds'
    expect(metrics.types[name]).toBe('histogram')
    expect(onlyValue(metrics, `${name}_count`, labels)).toBe(latency.count)
    expect(onlyValue(metrics, `${name}_sum`, labels)).toBeCloseTo(latency.sumNs / 1e9, 12)
    const buckets = samplesOf(metrics, `${name}_bucket`, labels)
    expect(buckets.at(-1)).toMatchObject({ labels: { le: '+Inf' }, value: latency.count })
    for (const { labels, value } of buckets.slice(0, -1)) {
      const bound = Math.round(Number(labels.le) * 1e9)
      const within = latency.buckets.filter(({ upToNs }) => upToNs <= bound)
      expect(value).toBe(within.reduce((sum, { count }) => sum + count, 0))
    }
    expect(buckets.some(({ value }) => value > 0 && value < latency.count)).toBe(true)
  })

  it('count notifications that were sent, wait and were dropped', async () => {
    const rig = await setUp()
    await rig.guest.send(CLOCK, RATE_NOTIFY, UART, 1)
    // The rig's driver has eight buffers, and the queue keeps 256.
    for (let i = 0; i < 300; i++) {
      await rig.client.call('set', { address: 'clock.uart', value: i % 2 ? '24 MHz' : '48 MHz' })
    }
    await until(() => rig.server.device.events.sent === 8, 'the buffers to be used')
    const metrics = await scrape(rig)
    const of = (name: string) => onlyValue(metrics, `scmi_notifications_${name}`, { agent: 'linux' })
    expect([of('sent_total'), of('waiting'), of('dropped_total')]).toEqual([8, 256, 36])
  })

  it('count connections, drivers and their resets', async () => {
    const rig = await setUp()
    const path = rig.server.endpoints[0]!
    if (!('socketPath' in path)) throw new Error('the rig listens')
    rig.guest.disconnect()
    await until(() => !rig.server.device.connected, 'the front end to be gone')
    const second = new Guest()
    onTestFinished(() => second.close())
    await second.connect(FrontEnd.connect(path.socketPath))
    const metrics = await scrape(rig)
    const of = (name: string) => onlyValue(metrics, `scmi_${name}_total`, { agent: 'linux' })
    expect([of('connections'), of('driver_starts'), of('driver_resets')]).toEqual([2, 2, 0])
  })
})

describe('the server', () => {
  async function open(address: string): Promise<MetricsServer> {
    const { server } = await setUp({ connect: false })
    const log = pino({}, { write: () => {} })
    const metrics = await MetricsServer.open({ address, server, version: '0', log, clients: new Clients(log) })
    onTestFinished(() => metrics.close())
    return metrics
  }

  function ask({ address }: MetricsServer, path: string, method = 'GET', host?: string): Promise<[number, string]> {
    return new Promise((resolve, reject) => {
      const headers = host === undefined ? {} : { Host: host }
      const asked = request(
        { host: '127.0.0.1', port: address.port, path, method, headers, agent: false },
        response => {
          let body = ''
          response.on('data', chunk => (body += chunk))
          response.on('end', () => resolve([response.statusCode!, body]))
        },
      )
      asked.on('error', reject)
      asked.end()
    })
  }

  it('answers scrapers, and says where to look', async () => {
    const metrics = await open('0')
    const response = await fetch(`http://localhost:${metrics.address.port}/metrics`)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(parseMetrics(await response.text()).samples.length).toBeGreaterThan(10)
    expect(await ask(metrics, '/')).toEqual([404, 'Metrics are at /metrics.\n'])
    expect(await ask(metrics, '/metrics', 'POST')).toEqual([405, 'Only GET is allowed.\n'])
    expect((await ask(metrics, '/metrics', 'HEAD'))[0]).toBe(200)
  })

  it('on loopback is no host of a foreign name; elsewhere it may have any', async () => {
    const here = await open('0')
    expect(await ask(here, '/metrics', 'GET', 'evil.example')).toEqual([
      403,
      `This is not evil.example, but 127.0.0.1:${here.address.port}.\n`,
    ])
    expect((await ask(here, '/metrics', 'GET', 'localhost:1'))[0]).toBe(200)
    const everywhere = await open('0.0.0.0:0')
    expect((await ask(everywhere, '/metrics', 'GET', 'board.example:9100'))[0]).toBe(200)
  })
})
