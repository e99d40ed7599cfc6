/** SCMI drivers and their devices as the guest's sysfs and debugfs show them. */
import type { Guest } from '../guest.js'

/** Drivers of the SCMI bus that are bound to a device. */
export async function boundDrivers(guest: Guest): Promise<string[]> {
  const events = await guest.check('cat /sys/bus/scmi_protocol/devices/*/uevent')
  return [...events.matchAll(/^DRIVER=(.+)$/gm)].map(([, name]) => name!).sort()
}

/** Status of generic power domains by name: "on", "off-0". */
export async function readPowerDomains(guest: Guest): Promise<Record<string, string>> {
  const summary = await guest.readFile('/sys/kernel/debug/pm_genpd/pm_genpd_summary')
  // Devices are indented below their domain.
  const rows = summary.matchAll(/^(\S+) +(on|off\S*)\s/gm)
  return Object.fromEntries([...rows].map(([, name, status]) => [name!, status!]))
}

/** Folders of a class in /sys/class, by the content of their file `name` or of another file. */
export async function classFolders(guest: Guest, folders: string, file = 'name'): Promise<Record<string, string>> {
  const lines = await guest.check(`for d in ${folders}; do [ -e $d/${file} ] && echo "$d $(cat $d/${file})"; done`)
  const rows = lines.matchAll(/^(\S+) (.+)$/gm)
  return Object.fromEntries([...rows].map(([, folder, name]) => [name!, folder!]))
}

export const regulatorFolders = (guest: Guest): Promise<Record<string, string>> =>
  classFolders(guest, '/sys/class/regulator/regulator.*')

export const powercapFolders = (guest: Guest): Promise<Record<string, string>> =>
  classFolders(guest, '/sys/class/powercap/arm-scmi:*')

export const thermalFolders = (guest: Guest): Promise<Record<string, string>> =>
  classFolders(guest, '/sys/class/thermal/thermal_zone*', 'type')

/** A file of the SCMI pin controller in debugfs, such as pinmux-functions. */
export const readPinctrl = (guest: Guest, file: string): Promise<string> =>
  guest.check(`cat /sys/kernel/debug/pinctrl/*-scmi-pinctrl/${file}`)

/** The next notification of this kind that the guest's driver received, as payload words. */
export async function nextNotification(guest: Guest, protocol: number, id: number): Promise<number[]> {
  const wanted = `notification 0x0${id} of protocol 0x${protocol.toString(16)}`
  const text = await guest.check(`until scmi-raw -n >/tmp/n && grep -q "${wanted}" /tmp/n; do :; done; cat /tmp/n`)
  return [...text.matchAll(/^0x[0-9a-f]+/gm)].map(Number)
}
