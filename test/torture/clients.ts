/**
 * Clients of each service that never read their replies, or connect and send nothing: the device's memory stays bounded
 * and other clients are served.
 */
import { startProgress } from '../../src/support/progress.js'
import {
  AS_MANY_AS_THERE_ARE,
  type Attack,
  LIST_SERVICES,
  silent,
  slow,
  unreadCalls,
  unreadPage,
  unreadRequests,
} from '../hostile/attackers.js'
import { OpenDevice } from '../hostile/open-device.js'
import type { Result } from './result.js'

const SECONDS = 12
const SERVICE = '/vhost_user_scmi.v1.Control'
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
const HOST = '127.0.0.1'

/** Attacks, by what the clients do. */
export const ATTACKS: Readonly<Record<string, (device: OpenDevice) => Attack[]>> = {
  'requests of pages that do not read': ({ origin, pageHeaders }) =>
    Array.from({ length: 8 }, () => unreadPage(`${origin.replace('http', 'ws')}/live`, pageHeaders)),
  'calls of StreamMessages that are not read': ({ control }) => [
    unreadCalls(control, `${SERVICE}/StreamMessages`, { message: AS_MANY_AS_THERE_ARE }),
  ],
  'calls of Watch that are not read': ({ control }) => [unreadCalls(control, `${SERVICE}/Watch`)],
  'calls of Describe that are not read': ({ control }) =>
    Array.from({ length: 4 }, () => unreadCalls(control, `${SERVICE}/Describe`)),
  'calls of reflection whose answers are not read': ({ control }) => [
    unreadCalls(control, REFLECTION, { message: LIST_SERVICES, repeat: Number.POSITIVE_INFINITY, calls: 16 }),
  ],
  'connections whose scrapes are not read': ({ metricsPort }) => [unreadRequests(metricsPort, '/metrics', 32)],
  'connections whose page is not read': ({ httpPort, cookie }) => [unreadRequests(httpPort, '/main.js', 64, cookie)],
  'connections that say nothing': ({ control, httpPort, metricsPort }) => [
    silent({ path: control }, 100),
    silent({ port: httpPort, host: HOST }, 100),
    silent({ port: metricsPort, host: HOST }, 100),
  ],
  'connections with endless headers': ({ httpPort, metricsPort }) => [
    slow({ port: httpPort, host: HOST }, 100),
    slow({ port: metricsPort, host: HOST }, 100),
  ],
}

export async function clients(signal?: AbortSignal): Promise<Result[]> {
  const results: Result[] = []
  const progress = startProgress('clients')
  for (const [what, start] of Object.entries(ATTACKS)) {
    if (signal?.aborted) break
    progress.update(what)
    const began = performance.now()
    const device = await OpenDevice.start()
    const { count, answered, growthKb, waitedMs, failures } = await device.withstand(() => start(device), {
      seconds: SECONDS,
      signal,
    })
    const wrong = await device.close()
    const seconds = (performance.now() - began) / 1000
    const detail = `the guest got ${answered} answers and waited for ${Math.round(waitedMs)} ms at most, the device grew by ${growthKb >> 10} MiB`
    results.push({ part: 'clients', what, count, seconds, detail, failures: [...failures, ...wrong] })
  }
  progress.stop()
  return results
}
