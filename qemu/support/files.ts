/** Files of the cache: named by a hash of what they are made from, and either whole or not there. */
import { createHash } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'

/** A short name for content; parts are kept apart, so that moving bytes from one to the next changes it. */
export function hash(...parts: (Buffer | string)[]): string {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(`${Buffer.byteLength(part)}:`).update(part)
  return sum.digest('hex').slice(0, 24)
}

/** Writes a file that is either whole or not there. */
export function writeWhole(path: string, content: Buffer | string): void {
  const partial = `${path}.${process.pid}.partial`
  try {
    writeFileSync(partial, content)
    renameSync(partial, path)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}

/** Whether a file's content is compressed by gzip. */
export const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b
