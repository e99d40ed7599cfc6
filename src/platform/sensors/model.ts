/** The platform's sensors, and what they tell to whoever listens: agents' protocol states, tests, a control tool. */
import { EventEmitter } from 'node:events'
import { ConfigError } from '../core/config-error.js'
import type { Time } from '../core/time.js'
import type { SensorConfig } from './config.js'
import { Sensor, type SensorListener } from './sensor.js'

export interface SensorEvents {
  /** A sensor's value reached or passed a trip point: it rose, or it fell. */
  tripPoint: [sensor: Sensor, id: number, rising: boolean]
  /** An update interval of a sensor that is watched is over. */
  sample: [sensor: Sensor]
}

export class Sensors extends EventEmitter<SensorEvents> {
  readonly list: readonly Sensor[]

  /** Throws ConfigError, with paths within the sensors section. */
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

  /** By name. Throws if there is none: for callers on the host, who know the platform. */
  named(name: string): Sensor {
    const sensor = this.list.find(sensor => sensor.name === name)
    if (!sensor) throw new Error(`no sensor is named ${name}; there are ${this.list.map(s => s.name).join(', ')}`)
    return sensor
  }
}
