/** `ctl notify`, `power` and `trace`. */
import { resolve } from 'node:path'
import type { Notified, Struct, Trace } from '../../access/operations/shapes.js'
import { FailedError } from '../../support/errors.js'
import { type CtlOptions, printJson, printLine, withDevice } from './session.js'
import { keyedValues } from './values.js'

export async function notify(
  protocol: string,
  message: string,
  fields: string[],
  options: CtlOptions & { agent?: string; count: number; rate?: number },
): Promise<void> {
  const { agent, count, rate } = options
  const request = { protocol, message, fields: keyedValues(fields) as Struct, count }
  const reply = await withDevice(options, client =>
    client.call('notify', { ...request, ...(agent ? { agent } : {}), ...(rate ? { rate } : {}) }),
  )
  if (options.json) printJson(reply)
  else printLine(`sent to ${reply.notified.join(', ')}`)
}

export async function power(
  state: string,
  options: CtlOptions & { forced?: boolean; timeout?: number },
): Promise<void> {
  const { forced = false, timeout } = options
  const request = { state: state === 'reboot' ? 'cold_reset' : state, forced }
  const reply = await withDevice(options, client =>
    client.call('requestPower', { ...request, ...(timeout === undefined ? {} : { timeout_ms: timeout }) }),
  )
  if (options.json) printJson(reply)
  else printLine(powerText(state, reply))
}

function powerText(state: string, { notified }: Notified): string {
  if (notified.length > 0) return `${notified.join(', ')} asked for ${state}`
  return `${state}: no agent has enabled system power notifications (SYSTEM_POWER_STATE_NOTIFY)`
}

export async function startTrace(file: string, options: CtlOptions): Promise<void> {
  const trace = await withDevice(options, client => client.call('startTrace', { file: resolve(file) }))
  printTrace(trace, options)
}

export async function stopTrace(options: CtlOptions): Promise<void> {
  const trace = await withDevice(options, client => client.call('stopTrace', undefined))
  printTrace(trace, options)
}

export async function traceStatus(options: CtlOptions): Promise<void> {
  const trace = await withDevice(options, client => client.call('getTrace', undefined))
  printTrace(trace, options)
}

function printTrace(trace: Trace, options: CtlOptions): void {
  if (options.json) printJson(trace)
  if (trace.error) throw new FailedError(`${trace.file} ended with ${trace.messages} messages: ${trace.error}`)
  if (!options.json) printLine(traceText(trace))
}

function traceText({ file, recording, messages, lost, bytes }: Trace): string {
  if (!file) return 'no trace has been recorded yet'
  const text = `${recording ? 'recording to' : 'recorded'} ${file}: ${messages} messages, ${bytes} bytes`
  return lost > 0 ? `${text}; ${lost} were dropped because they came too fast` : text
}
