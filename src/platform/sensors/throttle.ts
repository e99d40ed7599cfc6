/**
 * Thermal throttling by the platform: limits a performance domain while a sensor's value is too high. Has its own
 * timer, so that agents can neither slow it down nor switch it off.
 */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import { linked } from '../core/resource.js'
import type { Timer } from '../core/time.js'
import type { PerfDomain } from '../perf-domains/domain.js'
import { perfDomains } from '../perf-domains/index.js'
import type { Axis } from './axis.js'
import type { ThrottleConfig } from './config.js'
import { scaled } from './scaled.js'
import type { Sensor } from './sensor.js'

export class Throttle {
  readonly #sensor: Sensor
  readonly #config: ThrottleConfig
  readonly #domain: PerfDomain
  #active = false

  /** Throws ConfigError within `path`. */
  constructor(sensor: Sensor, config: ThrottleConfig, platform: Platform, path: ConfigPath) {
    this.#sensor = sensor
    this.#config = config
    this.#domain = linked(platform, perfDomains, config.perf, [...path, 'perf'])
    const levels = this.#domain.levels.map(({ level }) => level)
    if (levels.includes(config.to)) return
    throw new ConfigError([...path, 'to'], `${config.to} is not one of the levels ${levels.join(', ')}`)
  }

  /** Checks the sensor until the platform is closed. */
  keep(platform: Platform): void {
    const { time } = platform
    let timer: Timer
    const lookLater = () => {
      timer = time.after(this.#config.interval, () => {
        lookLater()
        this.#look(platform)
      })
    }
    lookLater()
    platform.onClose(() => timer.cancel())
  }

  #look(platform: Platform): void {
    const { above, hysteresis, to } = this.#config
    const [axis] = this.#sensor.axes as [Axis]
    const limit = scaled(this.#active ? above - hysteresis : above, axis.scale)
    const active = axis.read(platform.time.nowUs) > limit
    if (active === this.#active) return
    this.#active = active
    platform.model(perfDomains).setPlatformLimits(this.#domain, active ? { max: to } : {}, this)
  }
}
