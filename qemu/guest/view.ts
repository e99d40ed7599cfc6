/** The platform as the guest's own interfaces show it: clock tree, hwmon, IIO. Values are in base units. */
import type { Guest } from './guest.js'

export interface GuestClock {
  name: string
  rateHz: number
  /** Users in the guest that have enabled it. */
  enableCount: number
}

export interface GuestReading {
  /** The sensor's name, or the axis' for IIO. */
  name: string
  /** In the sensor's unit: degrees Celsius, volt, ampere, watt, joule, m/s². */
  value: number
  path: string
}

/** Every clock of /sys/kernel/debug/clk/clk_summary, depth first. */
export async function readClocks(guest: Guest): Promise<GuestClock[]> {
  const summary = await guest.readFile('/sys/kernel/debug/clk/clk_summary')
  // name, enable count, prepare count, protect count, rate, …; the headings have no number in the second place.
  const rows = summary.matchAll(/^\s+(\S+)\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s/gm)
  return [...rows].map(([, name, enableCount, rateHz]) => ({
    name: name!,
    enableCount: Number(enableCount),
    rateHz: Number(rateHz),
  }))
}

/** hwmon gives milli-units, but micro-units for power and energy (Linux, Documentation/hwmon/sysfs-interface.rst). */
const HWMON_DIVISORS: Record<string, number> = { temp: 1e3, in: 1e3, curr: 1e3, power: 1e6, energy: 1e6 }

/** Every labelled channel of the SCMI hwmon device. */
export async function readHwmon(guest: Guest): Promise<GuestReading[]> {
  const lines = await guest.check(
    'for h in /sys/class/hwmon/hwmon*; do [ "$(cat $h/name)" = scmi_sensors ] || continue;' +
      ' for l in $h/*_label; do echo "${l%_label}_input $(cat ${l%_label}_input) $(cat $l)"; done; done',
  )
  return [...lines.matchAll(/^(\S+\/([a-z]+)\d+_input) (-?\d+) (.+)$/gm)].map(([, path, kind, value, name]) => ({
    name: name!,
    value: Number(value) / HWMON_DIVISORS[kind!]!,
    path: path!,
  }))
}

/** Every raw channel of the IIO devices, scaled; `name` is the channel's, such as accel_x. */
export async function readIio(guest: Guest): Promise<GuestReading[]> {
  const lines = await guest.check(
    'for r in /sys/bus/iio/devices/iio:device*/in_*_raw; do [ -e "$r" ] || continue;' +
      ' s=${r%_raw}; echo "$r $(cat $r) $(cat ${s}_scale 2>/dev/null || cat ${s%_*}_scale)"; done',
  )
  return [...lines.matchAll(/^(\S+\/in_(\S+)_raw) (-?\d+) (\S+)$/gm)].map(([, path, name, raw, scale]) => ({
    name: name!,
    value: Number(raw) * Number(scale),
    path: path!,
  }))
}

/** The kernel's messages about SCMI, without debug messages. Levels are syslog's: 3 and below are errors, 4 is a warning. */
export async function scmiLog(guest: Guest): Promise<{ level: number; text: string }[]> {
  const log = await guest.check('dmesg -r')
  return [...log.matchAll(/^<(\d+)>(.*)$/gm)]
    .map(([, priority, text]) => ({ level: Number(priority) & 7, text: text! }))
    .filter(({ level, text }) => level < 7 && /scmi/i.test(text) && !/command line|Linux version/i.test(text))
}
