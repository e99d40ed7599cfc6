/** `scmi-lab demo`: the whole project in one screen, against a live guest. */
import colors from 'picocolors'
import type { Stats } from '../../src/device/stats.js'
import { MessageDecoder, messageText } from '../../src/observe/messages.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { sensors } from '../../src/platform/sensors/index.js'
import type { Sensor } from '../../src/platform/sensors/sensor.js'
import { sensorTypeName } from '../../src/platform/sensors/types.js'
import type { Server } from '../../src/server/server.js'
import { seconds } from '../../src/support/progress.js'
import { NOTIFICATION, packHeader } from '../../src/wire/header.js'
import type { Guest } from '../guest/guest.js'
import { readClocks, readHwmon, readIio, scmiLog } from '../guest/view.js'
import { DEFAULT_KERNEL } from '../kernel/source.js'
import { tellProcessors } from '../machine/machine.js'
import { WorkError } from '../support/errors.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { boot } from './boot.js'
import { kernelImage } from './commands.js'

/** hwmon reads in the burst at the end. */
const BURST = 2000

/** CLOCK_RATE_NOTIFY, for the raw mode. */
const CLOCK = 0x14
const CLOCK_RATE_NOTIFY = 0x9
const RATE_CHANGED = 0x0

const UNITS: Record<string, string> = {
  celsius: '°C',
  volt: 'V',
  ampere: 'A',
  watt: 'W',
  joule: 'J',
  rpm: 'rpm',
  metre_per_second_squared: 'm/s²',
}

/** Boots a guest on the demo platform and prints what both sides see. Throws WorkError if they disagree. */
export async function demo(options: { signal: AbortSignal }): Promise<void> {
  requireTools(...TOOLS_FOR.boot)
  const kernel = await kernelImage(DEFAULT_KERNEL, options.signal)
  tellProcessors()
  const began = Date.now()
  const guest = await boot({ kernel, platform: 'demo', signal: options.signal })
  try {
    const server = serverOf(guest)
    const release = (await guest.check('uname -r')).trim()
    title(`Linux ${release} on arm64 probes a platform that is a YAML file (booted in ${seconds(Date.now() - began)})`)
    for (const { text } of await scmiLog(guest)) say(colors.dim(text))
    await showClocks(guest, server)
    await showSensors(guest, server)
    await showChange(guest, server)
    await showNotification(guest, server)
    await showTraffic(guest, server)
  } finally {
    await guest.close()
  }
  if (differences > 0) throw new WorkError(`platform and guest differ in ${differences} places`)
  title('Yours to try')
  say('npx scmi-lab boot                                     a shell in that guest')
  say(
    'npx scmi-lab boot --platform ./board.yaml             your own platform; start from src/platform/presets/demo.yaml',
  )
  say('npx scmi-lab kernel build --source ~/linux            your own kernel')
  say('npx vhost-user-scmi --socket-path /tmp/scmi.sock      the device alone, for your own QEMU')
}

function serverOf(guest: Guest): Server {
  if (!guest.server) throw new WorkError('the guest has no SCMI device')
  return guest.server
}

const title = (text: string): void => console.log(`\n${colors.bold(text)}`)
const say = (text: string): void => console.log(`  ${text}`)

let differences = 0

function agree(isSame: boolean): string {
  if (isSame) return colors.green('✓')
  differences++
  return colors.red('✗ they differ')
}

function formatHz(rateHz: number): string {
  const [unit, size] =
    rateHz >= 1e9 ? ['GHz', 1e9] : rateHz >= 1e6 ? ['MHz', 1e6] : rateHz >= 1e3 ? ['kHz', 1e3] : ['Hz', 1]
  return `${rateHz / (size as number)} ${unit}`
}

async function showClocks(guest: Guest, server: Server): Promise<void> {
  title('Clocks: platform and /sys/kernel/debug/clk/clk_summary')
  const seen = new Map((await readClocks(guest)).map(clock => [clock.name, clock]))
  for (const clock of server.platform.model(clocks).list) {
    const guestRate = seen.get(clock.name)?.rateHz
    const columns = [
      clock.name.padEnd(22),
      formatHz(clock.rateHz).padStart(12),
      (guestRate === undefined ? 'missing' : formatHz(guestRate)).padStart(12),
      agree(guestRate === clock.rateHz),
    ]
    say(columns.join('  '))
  }
}

/** Value of one axis in its unit, now. */
function currentValue(server: Server, sensor: Sensor, axis = 0): number {
  const { time } = server.platform
  time.refresh()
  const { scale } = sensor.axes[axis]!
  return sensor.axes[axis]!.read(time.nowUs) * 10 ** scale
}

function formatValue(sensor: Sensor, value: number): string {
  const type = sensorTypeName(sensor.axes[0]!.type)
  return `${value.toFixed(3)} ${UNITS[type] ?? type}`
}

async function showSensors(guest: Guest, server: Server): Promise<void> {
  title('Sensors: platform, and hwmon or IIO (the values move while they are read)')
  const seen = new Map([...(await readHwmon(guest)), ...(await readIio(guest))].map(reading => [reading.name, reading]))
  for (const sensor of server.platform.model(sensors).list) {
    for (const [i, axis] of sensor.axes.entries()) {
      const reading = seen.get(axis.name) ?? seen.get(axis.name.toLowerCase())
      const guestValue = reading ? formatValue(sensor, reading.value) : colors.dim('no hwmon class')
      const path = reading ? colors.dim(reading.path.replace(/^\/sys\/(class|bus\/iio\/devices)\//, '')) : ''
      say(
        `${axis.name.padEnd(18)}${formatValue(sensor, currentValue(server, sensor, i)).padStart(16)}  ${guestValue.padStart(16)}  ${path}`,
      )
    }
  }
}

async function showChange(guest: Guest, server: Server): Promise<void> {
  title('A value changes in the platform')
  const sensor = server.platform.model(sensors).named('soc_temp')
  const read = async (): Promise<string> => {
    const reading = (await readHwmon(guest)).find(reading => reading.name === sensor.name)
    return formatValue(sensor, reading?.value ?? Number.NaN)
  }
  const before = await read()
  sensor.set(71.5)
  const after = await read()
  sensor.set(undefined)
  say(
    `${sensor.name}: the guest reads ${before}; set to 71.5 °C; the guest reads ${after} ${agree(after === formatValue(sensor, 71.5))}`,
  )
}

async function showNotification(guest: Guest, server: Server): Promise<void> {
  title('A notification arrives')
  const model = server.platform.model(clocks)
  const cpu = model.named('cpu')
  const { status } = await guest.scmi(CLOCK, CLOCK_RATE_NOTIFY, [cpu.id, 1])
  if (status !== 0) throw new WorkError(`CLOCK_RATE_NOTIFY was answered with status ${status}`)
  say(`the guest subscribes to ${cpu.name}'s rate; the platform sets it to 600 MHz`)
  model.setRate(cpu, 600e6, 0)
  // The raw mode queues notifications of all protocols until somebody reads them.
  const read = `until scmi-raw -n >/tmp/n && grep -q "notification 0x0${RATE_CHANGED} of protocol 0x${CLOCK.toString(16)}" /tmp/n; do :; done; cat /tmp/n`
  const words = [...(await guest.check(read)).matchAll(/^0x[0-9a-f]+/gm)].map(Number)
  const header = packHeader(CLOCK, RATE_CHANGED, NOTIFICATION, 0)
  const event = new MessageDecoder(server.protocols).event(new DataView(Uint32Array.of(header, ...words).buffer))
  say(`the guest's driver received ${event && messageText(event)} ${agree(words[2] === cpu.rateHz)}`)
}

async function showTraffic(guest: Guest, server: Server): Promise<void> {
  title('Messages, by protocol')
  const path = (await readHwmon(guest))[0]?.path
  const before = server.device.stats().messages
  const began = Date.now()
  await guest.check(`i=0; while [ $i -lt ${BURST} ]; do read v < ${path}; i=$((i+1)); done`)
  const elapsedMs = Date.now() - began
  const stats = server.device.stats()
  for (const protocol of stats.protocols) {
    const busiest = [...protocol.messages].sort((a, b) => b.succeeded - a.succeeded)[0]!
    const failed = protocol.failed > 0 ? `${protocol.failed} refused` : ''
    say(
      `${protocol.name.padEnd(8)}${String(protocol.succeeded).padStart(7)} answered  ${failed.padEnd(12)}` +
        colors.dim(`most often ${busiest.name}`),
    )
  }
  say(`events  ${String(stats.notificationsSent).padStart(7)} sent`)
  const rate = ((stats.messages - before) / elapsedMs) * 1000
  say(`${BURST} hwmon reads by a shell in the guest: ${Math.round(rate)} messages/s`)
  say(`time in the device: ${latencyText(stats)}`)
}

function latencyText({ latencyNs: { p50, p99, max } }: Stats): string {
  const us = (ns: number): string => `${(ns / 1000).toFixed(1)} µs`
  return `median ${us(p50)}, 99 % within ${us(p99)}, longest ${us(max)}`
}
