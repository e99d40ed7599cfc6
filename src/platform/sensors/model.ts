/** The platform's sensors, and the events that they emit to agents' protocol states, tests and control tools. */
import { EventEmitter } from 'node:events'
import { byUniqueName, named } from '../core/named.js'
import type { Time } from '../core/time.js'
import type { SensorConfig } from './config.js'
import { Sensor, type SensorListener } from './sensor.js'

export interface SensorEvents {
  /** A sensor's value reached or crossed a trip point, rising or falling. */
  tripPoint: [sensor: Sensor, id: number, rising: boolean]
  /** An update interval of a watched sensor has elapsed. */
  sample: [sensor: Sensor]
}

export class Sensors extends EventEmitter<SensorEvents> {
  readonly list: readonly Sensor[]

  /** Throws ConfigError with paths within the sensors section. */
  constructor(configs: readonly SensorConfig[], time: Time, seed: number) {
    super()
    this.setMaxListeners(0)
    const listener: SensorListener = {
      tripPoint: (sensor, id, rising) => this.emit('tripPoint', sensor, id, rising),
      sample: sensor => this.emit('sample', sensor),
    }
    this.list = configs.map((config, i) => new Sensor(i, config, { time, seed, listener }))
    byUniqueName(this.list, 'sensors')
  }

  /** The sensor of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): Sensor {
    return named(this.list, 'sensor', name)
  }
}
