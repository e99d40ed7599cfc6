import { sensors } from '../../../src/platform/sensors/index.js'
import { expectCall } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { family, type Scenario } from '../../runner/scenario.js'

const axes = (values: number[], resolution = 0.001) =>
  ['X', 'Y', 'Z'].map((axis, i) => ({
    name: `turn_${axis}`,
    value: values[i]!,
    extended: { resolution, min: -35, max: 35 },
  }))

const GYROSCOPE = {
  name: 'gyroscope',
  type: 'radian_per_second',
  scale: -3,
  axes: axes([1, -2.5, 0.125]),
  continuous_updates: true,
  enabled: false,
  update_intervals: ['10 ms', '20 ms', '100 ms'],
  update_interval: '20 ms',
  timestamps: { exponent: -9 },
}
const READS = 'scmi_iio.c:scmi_iio_read_channel_data'
const SAMPLES = 'scmi_iio.c:scmi_iio_set_odr_val, scmi_iio_get_odr_val'

const gyroscope = (t: Context) => t.server.platform.model(sensors).named('gyroscope')

interface Member extends Omit<Scenario, 'platform'> {
  sensor?: Record<string, unknown>
}

const members: Record<string, Member> = {
  axes: {
    summary: 'an IIO device for a sensor with three axes: each is read, and the sensor is off otherwise',
    async run(t) {
      for (const [axis, value] of Object.entries({ x: '1000', y: '-2500', z: '125' })) {
        await t.expect(`axis ${axis} is read`, {
          because: READS,
          got: () => t.call('iio', [`in_anglvel_${axis}_raw`]),
          is: value,
        })
      }
      await t.expect('the scale is that of the sensor', {
        because: 'scmi_iio.c:scmi_iio_read_raw',
        got: () => t.call('iio', ['in_anglvel_x_scale']),
        is: '0.001000000',
      })
      await t.expect('the sensor is off again', { because: READS, got: () => gyroscope(t).enabled, is: false })
      await t.step('the platform changes an axis')
      gyroscope(t).axes[1]!.set(3)
      await t.expect('it is read', { because: READS, got: () => t.call('iio', ['in_anglvel_y_raw']), is: '3000' })
      await t.expect('the range is told', {
        because: 'scmi_iio.c:scmi_iio_get_raw_available',
        got: () => t.call('iio', ['in_anglvel_raw_available']),
        is: '[-35000 1 35000]',
      })
    },
  },
  frequency: {
    summary: 'the sampling frequency: those that there are, the one that is, and one that is set',
    async run(t) {
      const file = 'in_anglvel_sampling_frequency'
      await t.expect('there are these', {
        because: 'scmi_iio.c:scmi_iio_set_sampling_freq_avail',
        got: () => t.call('iio', [`${file}_available`]),
        is: '100.000000 50.000000 10.000000',
      })
      await t.expect('it is that of the platform', {
        because: SAMPLES,
        got: () => t.call('iio', [file]),
        is: '50.000000',
      })
      await t.expect('10 Hz are set', { because: SAMPLES, got: () => t.call('iio', [file, '10']), is: '10.000000' })
      await t.expect('the platform has 100 ms', { because: SAMPLES, got: () => gyroscope(t).interval.us, is: 100_000 })
    },
  },
  buffer: {
    summary: 'a buffer has the readings of all axes with their times while it is on, and the sensor is off afterwards',
    async run(t) {
      const because = 'scmi_iio.c:scmi_iio_sensor_update_cb'
      await t.expect('each scan has the three axes, and a later time', {
        because,
        got: () => t.call('scans', [3]),
        is: text => {
          const scans = text.split('\n').map(line => line.trim().split(/\s+/).map(Number))
          const times = scans.map(scan => scan[3]!)
          const values = scans.every(([x, y, z]) => x === 1000 && y === -2500 && z === 125)
          return scans.length === 3 && values && times[0]! > 0 && times[1]! > times[0]! && times[2]! > times[1]!
        },
      })
      await t.expect('the sensor is off again', {
        because,
        got: () => gyroscope(t).enabled,
        is: false,
        withinMs: 5_000,
      })
      await t.step('enabling is denied')
      t.server.faults.add({ protocol: 'sensor', message: 'SENSOR_CONFIG_SET', status: 'DENIED', times: 1 })
      await t.expect('the buffer stays off', {
        because: 'scmi_iio.c:scmi_iio_buffer_preenable returns the error',
        got: () => t.call('enable_buffer'),
        is: 'Permission denied',
      })
    },
  },
  rebound: {
    summary: 'the driver is unbound and bound again: the IIO device goes and comes back, with its updates',
    onlyInAll: true,
    async run(t) {
      const device = await t.call('unbind_client', ['scmi-sensor-iiodev'])
      await t.expect('there is no device', {
        because: 'devm_iio_device_register',
        got: () => t.call('iio', ['name']),
        is: 'none',
      })
      await t.call('bind_client', ['scmi-sensor-iiodev', device])
      await t.expect('an axis is read', { because: READS, got: () => t.call('iio', ['in_anglvel_x_raw']), is: '1000' })
      await t.expect('scans come', { because: READS, got: () => t.call('scans', [1]), is: /^\s*1000\s+-2500\s+125\s/ })
    },
  },
  segmented: {
    summary: 'update intervals that are a range: the sampling frequencies are told as one',
    onlyInAll: true,
    sensor: { update_intervals: { min: '10 ms', max: '1 s', step: '10 ms' }, update_interval: '20 ms' },
    async run(t) {
      const because = 'scmi_iio.c:scmi_iio_set_sampling_freq_avail'
      const got = () => t.call('iio', ['in_anglvel_sampling_frequency_available'])
      await t.expect('the range is told', {
        because,
        got,
        is: /^\[1\.000000 .* 100\.000000\]$|^\[100\.000000 100\.000000 1\.000000\]$/,
      })
      await t.expect('4 Hz are set', {
        because: SAMPLES,
        got: () => t.call('iio', ['in_anglvel_sampling_frequency', '4']),
        is: '4.000000',
      })
      await t.expect('the platform has 250 ms', { because: SAMPLES, got: () => gyroscope(t).interval.us, is: 250_000 })
    },
  },
  resolution: {
    summary: 'a resolution finer than the unit of readings: the range tells it',
    onlyInAll: true,
    sensor: { axes: axes([1, 1, 1], 0.00001) },
    async run(t) {
      await t.expect('it is a hundredth', {
        because: 'scmi_iio.c:scmi_iio_get_raw_available: 10^-5 in units of 10^-3 is 0.01',
        got: () => t.call('iio', ['in_anglvel_raw_available']),
        is: '[-35000 0.01 35000]',
      })
    },
  },
  accelerometer: {
    summary: 'acceleration, and a long name of an axis: the device is there; other sensors are none',
    onlyInAll: true,
    sensor: {
      type: 'metre_per_second_squared',
      axes: axes([9.81, 0, 0]).map(axis => ({ ...axis, name: `the_axis_of_${axis.name}` })),
    },
    async run(t) {
      await t.expect('an axis is read', { because: READS, got: () => t.call('iio', ['in_accel_x_raw']), is: '9810' })
      const because = 'sensors.c:scmi_sensor_axis_extended_names_get'
      await expectCall(t, 'the kernel has the long name', because, 'sensor info_get 0', /axis 0 the_axis_of_turn_X /)
    },
  },
}

export default family(members, ({ sensor, ...rest }) => ({
  ...rest,
  platform: {
    vendor: 'acme',
    sensors: [
      { ...GYROSCOPE, ...sensor },
      { name: 'rail', type: 'volt', scale: -3, value: 1 },
    ],
  },
}))
