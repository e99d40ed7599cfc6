/** Names on the wire: 15 characters and NUL in descriptions, up to 63 through the *_NAME_GET commands (SCMI v3.2 §4.1.1). */

export const SHORT_NAME_SIZE = 16
export const NAME_SIZE = 64

/** `flag` if the name needs the extended form, else 0: what goes into a resource's attributes. */
export function extendedNameFlag(name: string, flag: number): number {
  return name.length >= SHORT_NAME_SIZE ? flag : 0
}
