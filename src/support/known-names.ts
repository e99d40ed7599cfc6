/** Errors about an unknown name list the known ones. */

/** At most so many names are listed. */
const LISTED = 24

/** `a, b, c`; of more names the first ones, the last and their number. */
export function listed(names: readonly string[]): string {
  if (names.length <= LISTED) return names.join(', ')
  return `${names.slice(0, LISTED - 1).join(', ')} … ${names[names.length - 1]} (${names.length})`
}

/** `there are a, b, c`, or `there are none`; each name once. */
export function thereAre(names: Iterable<string>): string {
  const known = [...new Set(names)]
  return `there are ${known.length === 0 ? 'none' : listed(known)}`
}

/** `there is no clock x; there are a, b, c`. `what` names the kind and what was asked for. */
export function thereIsNo(what: string, names: Iterable<string>): string {
  return `there is no ${what}; ${thereAre(names)}`
}
