/** Sensor types, which are units, numbered as in SENSOR_DESCRIPTION_GET (SCMI v3.2 §4.7.2.5, table of sensor types). */
import { z } from 'zod'

/** By number, from 0. */
const NAMES = [
  'none unspecified celsius fahrenheit kelvin volt ampere watt',
  'joule coulomb volt_ampere nit lumen lux candela kilopascal',
  'psi newton cubic_foot_per_minute rpm hertz second minute hour',
  'day week mil inch foot cubic_inch cubic_foot metre',
  'cubic_centimetre cubic_metre litre fluid_ounce radian steradian revolution cycle',
  'gravity ounce pound foot_pound ounce_inch gauss gilbert henry',
  'farad ohm siemens mole becquerel parts_per_million decibel dba',
  'dbc gray sievert colour_temperature_kelvin bit byte word dword',
  'qword percent pascal count gram newton_metre hit miss',
  'retry overrun underrun collision packet message character error',
  'corrected_error uncorrectable_error square_mil square_inch square_foot square_centimetre square_metre radian_per_second',
  'beat_per_minute metre_per_second_squared metre_per_second cubic_metre_per_second millimetre_of_mercury radian_per_second_squared',
].flatMap(row => row.split(' '))

const OEM = 0xff

/** The number of a type, from its name or number. */
export const sensorType = z
  .union([z.enum([...NAMES, 'oem']), z.int().min(0).max(OEM)])
  .transform(type => (typeof type === 'number' ? type : type === 'oem' ? OEM : NAMES.indexOf(type)))

/** The number of the type with this name, which must be one. */
export const sensorTypeOf = (name: string): number => NAMES.indexOf(name)

/** The name of a type, for people; a type without a name is shown as a number. */
export function sensorTypeName(type: number): string {
  return type === OEM ? 'oem' : (NAMES[type] ?? `0x${type.toString(16)}`)
}
