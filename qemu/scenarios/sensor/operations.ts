import { sensors } from '../../../src/platform/sensors/index.js'
import { TRIP_FALLING, TRIP_RISING } from '../../../src/platform/sensors/sensor.js'
import { type Change, call, expectCall, expectEvents, expectHeard, listen } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { family, type Scenario } from '../../runner/scenario.js'

/** Ids: 0 an alarm that has trip points, 1 another, 2 with axes, 3 that answers later. */
const SENSORS = [
  { name: 'soc', type: 'volt', scale: -3, value: 1, trip_points: 2, timestamps: { exponent: -6 } },
  { name: 'board', type: 'volt', scale: -3, value: 1, trip_points: 1 },
  {
    name: 'gyroscope_of_the_board',
    type: 'radian_per_second',
    scale: -3,
    axes: [
      { name: 'turn_X', value: 1, extended: { resolution: 0.001, min: -35, max: 35 } },
      { name: 'turn_Y_with_a_long_name', value: -2.5, extended: { resolution: 0.001, min: -35, max: 35 } },
      { name: 'turn_Z', value: 0.125, extended: { resolution: 0.001, min: -35, max: 35 } },
    ],
    continuous_updates: true,
    update_intervals: ['10 ms', '20 ms', '50 ms'],
    update_interval: '20 ms',
    timestamps: { exponent: -9 },
    enabled: false,
  },
  {
    name: 'charger',
    type: 'ampere',
    scale: -6,
    value: 0.5,
    async: { latency: '30 ms' },
    update_intervals: { min: '100 ms', max: '10 s', step: '100 ms' },
    extended: { power: 200, resolution: 0.001, min: 0, max: 2 },
  },
]
const [SOC, BOARD, GYROSCOPE, CHARGER] = [0, 1, 2, 3]

const sensor = (t: Context, id: number) => t.server.platform.model(sensors).list[id]!
const trip = (t: Context, id: number) => {
  const { mode, value } = sensor(t, SOC).tripPoints[id]!
  return { mode, value }
}

const scenarios: Record<string, Omit<Scenario, 'platform'> & { version?: string }> = {
  description: {
    summary: 'what the kernel knows of sensors and axes: names, scales, ranges, resolutions, update intervals',
    async run(t) {
      const reads =
        'sensors.c:iter_sens_descr_process_response, scmi_sensor_axis_description, scmi_sensor_update_intervals'
      await expectCall(t, 'there are four', reads, 'sensor count_get', '4')
      await expectCall(
        t,
        'the first has trip points and timestamps',
        reads,
        `sensor info_get ${SOC}`,
        /^soc type 5 scale -3 trips 2 async 0 update 0 timestamped 1 tstamp_scale -6 /,
      )
      await expectCall(
        t,
        'one with axes has their names, ranges and a list of intervals',
        reads,
        `sensor info_get ${GYROSCOPE}`,
        new RegExp(
          '^gyroscope_of_the_board type 87 scale 0? ?.*trips 0 async 0 update 1 timestamped 1 tstamp_scale -9 .*\\n' +
            '(power .*\\n)?intervals segmented 0( 0x[0-9a-f]+){3}\\n' +
            'axis 0 turn_X type 87 scale -3 resolution 1 exponent -3 range -35000 35000\\n' +
            'axis 1 turn_Y_with_a_long_name type 87 scale -3 resolution 1 exponent -3 range -35000 35000\\n' +
            'axis 2 turn_Z type 87 scale -3 resolution 1 exponent -3 range -35000 35000$',
        ),
      )
      await expectCall(
        t,
        'one that answers later has its power, range and a segment of intervals',
        reads,
        `sensor info_get ${CHARGER}`,
        new RegExp(
          '^charger type 6 scale -6 trips 0 async 1 update 0 .*\\n' +
            'power 200 resolution 1 exponent -3 range 0 2000000\\n' +
            'intervals segmented 1( 0x[0-9a-f]+){3}$',
        ),
      )
    },
  },
  readings: {
    summary: 'readings of one value and of axes, with timestamps, at once and later; limits of what can be asked for',
    async run(t) {
      const reads = 'sensors.c:scmi_sensor_reading_get'
      const timed = 'sensors.c:scmi_sensor_reading_get_timestamped'
      sensor(t, SOC).set(-1.5)
      await expectCall(t, 'a value below zero', reads, `sensor reading_get ${SOC}`, '-1500')
      sensor(t, BOARD).set(2 ** 33 / 1000)
      await expectCall(t, 'a value of more than 32 bits', reads, `sensor reading_get ${BOARD}`, String(2 ** 33))
      await expectCall(t, 'a value that comes later', reads, `sensor reading_get ${CHARGER}`, '500000')
      await expectCall(t, 'the same with its time', timed, `sensor reading_get_timestamped ${CHARGER} 1`, '500000@0')
      await t.step('axes')
      sensor(t, GYROSCOPE).configure(true, true, undefined, 0)
      await expectCall(
        t,
        'each axis has its value and the time',
        timed,
        `sensor reading_get_timestamped ${GYROSCOPE} 3`,
        /^1000@[1-9]\d*\n-2500@[1-9]\d*\n125@[1-9]\d*$/,
      )
      await expectCall(
        t,
        'two axes of three',
        timed,
        `sensor reading_get_timestamped ${GYROSCOPE} 2`,
        /^1000@\d+\n-2500@\d+$/,
      )
      await expectCall(
        t,
        'more axes than there are',
        timed,
        `sensor reading_get_timestamped ${GYROSCOPE} 4`,
        'Invalid argument',
      )
      await expectCall(
        t,
        'axes of a sensor without',
        timed,
        `sensor reading_get_timestamped ${SOC} 2`,
        'Invalid argument',
      )
      await expectCall(t, 'no such sensor', reads, 'sensor reading_get 4', 'Invalid argument')
    },
  },
  config: {
    summary: 'the configuration of a sensor: what is set is what the platform has, and is read back',
    async run(t) {
      const sets = 'sensors.c:scmi_sensor_config_set'
      const gets = 'sensors.c:scmi_sensor_config_get'
      await t.step('enable it, with timestamps')
      const before = Number(await call(t, `sensor config_get ${GYROSCOPE}`))
      await t.expect('it is disabled at first', { because: gets, got: () => before & 3, is: 0 })
      await expectCall(t, 'it is set', sets, `sensor config_set ${GYROSCOPE} ${(before | 3) >>> 0}`, 'done')
      await t.expect('the platform has enabled it, with timestamps', {
        because: sets,
        got: () => [sensor(t, GYROSCOPE).enabled, sensor(t, GYROSCOPE).timestampsEnabled],
        is: [true, true],
      })
      await expectCall(
        t,
        'it is read',
        gets,
        `sensor config_get ${GYROSCOPE}`,
        `0x${((before | 3) >>> 0).toString(16)}`,
      )
      await t.step('an interval of 50 ms: 50 units of 10^-3 s')
      const interval = ((50 << 16) | (0x1d << 11) | 3) >>> 0
      await expectCall(t, 'it is set', sets, `sensor config_set ${GYROSCOPE} ${interval}`, 'done')
      await t.expect('the platform samples every 50 ms', {
        because: sets,
        got: () => sensor(t, GYROSCOPE).interval.us,
        is: 50_000,
      })
      await t.expect('another sensor is as before', {
        because: sets,
        got: () => sensor(t, SOC).timestampsEnabled,
        is: false,
      })
      await expectCall(t, 'no such sensor', sets, 'sensor config_set 4 1', 'Invalid argument')
    },
  },
  'trip-points': {
    summary: 'trip points: what a driver sets is what the platform has, and each crossing is told to all listeners',
    tags: ['ci'],
    async run(t) {
      const sets = 'sensors.c:scmi_sensor_trip_point_config'
      await expectCall(t, 'the first is set', sets, `sensor trip_point_config ${SOC} 0 2000`, 'done')
      await expectCall(t, 'the second is set, below zero', sets, `sensor trip_point_config ${SOC} 1 -500`, 'done')
      const mode = TRIP_RISING | TRIP_FALLING
      await t.expect('the platform has both, for both directions', {
        because: sets,
        got: () => [trip(t, 0), trip(t, 1)],
        is: [
          { mode, value: 2000 },
          { mode, value: -500 },
        ],
      })
      await expectCall(t, 'a third is refused', sets, `sensor trip_point_config ${SOC} 2 1`, /^[A-Z]/)
      const change = (value: number, rising: boolean, id: number): Change => ({
        act: () => sensor(t, SOC).set(value),
        line: `trip: agent 0 sensor ${SOC} trip 0x${((rising ? 1 << 16 : 0) | id).toString(16)}`,
      })
      await expectEvents(t, {
        event: 'sensor trip',
        source: SOC,
        other: BOARD,
        changes: [change(2.5, true, 0), change(1, false, 0), change(3, true, 0)],
        because: 'sensors.c:scmi_sensor_fill_custom_report; notify.c:scmi_lookup_and_call_event_chain',
      })
    },
  },
  updates: {
    summary:
      'continuous updates: a listener gets the readings of all axes at every interval, and none after it has ended',
    async run(t) {
      const because = 'sensors.c:scmi_sensor_fill_custom_report, with a reading for each axis'
      const listener = await listen(t, `sensor update ${GYROSCOPE}`)
      sensor(t, GYROSCOPE).configure(true, true, undefined, 0)
      const line = `update: agent 0 sensor ${GYROSCOPE} 1000@[1-9]\\d* -2500@[1-9]\\d* 125@[1-9]\\d*`
      await expectHeard(t, 'it hears of each axis', because, listener, new RegExp(`^${line}(\\n${line})*$`))
      await t.expect('the platform samples for it', { because, got: () => sensor(t, GYROSCOPE).enabled, is: true })
      await expectCall(
        t,
        'a sensor without updates',
        'sensors.c:scmi_sensor_notify_supported',
        `sensor listen update ${SOC}`,
        /^[A-Z]/,
      )
    },
  },
  'version-2': {
    summary: 'a sensor protocol of version 2.0: trip points and readings, without configuration',
    version: '2.0',
    async run(t) {
      const because = 'sensors.c knows version 2.0'
      await expectCall(t, 'a value', because, `sensor reading_get ${SOC}`, '1000')
      await expectCall(t, 'a trip point is set', because, `sensor trip_point_config ${SOC} 0 2000`, 'done')
      await t.expect('the platform has it', { because, got: () => trip(t, 0).value, is: 2000 })
      const listener = await listen(t, `sensor trip ${SOC}`)
      sensor(t, SOC).set(3)
      await expectHeard(t, 'the crossing is told', because, listener, `trip: agent 0 sensor ${SOC} trip 0x10000`)
    },
  },
}

const QUICK = ['readings', 'trip-points', 'config']

export default family(scenarios, ({ version, ...rest }, name) => ({
  ...rest,
  ...(QUICK.includes(name) ? {} : { onlyInAll: true as const }),
  platform: {
    vendor: 'acme',
    sensors: version === '2.0' ? SENSORS.slice(0, 2).map(({ timestamps: _, ...one }) => one) : SENSORS,
    ...(version ? { protocols: { sensor: { version } } } : {}),
  },
}))
