/** The files of the lab's consumers in a guest (guest/consumer): resources as kernel drivers use them. */
import { guestModule } from '../consumers.js'
import type { Guest } from '../guest.js'

export const CONSUMER_FOLDER = '/sys/kernel/debug/scmi-lab'

type ConsumerKind = 'clocks' | 'regulators' | 'resets' | 'power-domains' | 'perf-domains' | 'pins' | 'pin-groups'

/** One consumer. Values are as its files have them: rates in Hz, microvolts, percent, 0 and 1, names. */
export interface Consumer {
  read(file: string): Promise<string>
  /** Rejects if the kernel refuses the value, with its reason. */
  write(file: string, value: string | number): Promise<void>
}

/** Loads the driver, which makes the consumers. */
export async function loadConsumers(guest: Guest): Promise<void> {
  await guest.check(`insmod ${guestModule('lab-consumer.ko')}`)
}

export function consumer(guest: Guest, kind: ConsumerKind, name: string): Consumer {
  const path = (file: string): string => `${CONSUMER_FOLDER}/${kind}/${name}/${file}`
  return {
    read: async file => (await guest.readFile(path(file))).trimEnd(),
    write: (file, value) => guest.writeFile(path(file), `${value}\n`),
  }
}
