/** The platform's sensors, and the events that they emit to agents' protocol states, tests and control tools. */
import { EventEmitter } from 'node:events'
import { ConfigError } from '../core/config-error.js'
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
    const names = new Set<string>()
    for (const [id, { name }] of configs.entries()) {
      if (names.has(name)) throw new ConfigError([id, 'name'], `two sensors are named ${name}`)
      names.add(name)
    }
    this.list = configs.map((config, i) => new Sensor(i, config, { time, seed, listener }))
  }

  /** The sensor of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): Sensor {
    const sensor = this.list.find(sensor => sensor.name === name)
    if (!sensor) throw new Error(`no sensor is named ${name}; there are ${this.list.map(s => s.name).join(', ')}`)
    return sensor
  }
}
