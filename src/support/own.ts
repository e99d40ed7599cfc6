/**
 * The value of a key that comes from outside: undefined for what every object has without being asked, such as `constructor` and
 * `toString`.
 */
export function own<Value>(record: Readonly<Record<string, Value>> | undefined, key: string): Value | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined
}
