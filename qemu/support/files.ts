/** Files in the cache: named by a hash of their inputs, and either complete or not there. */
import { createHash } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'

/** A short name for content. Parts are separated, so that moving bytes from one part to the next changes the name. */
export function hash(...parts: (Buffer | string)[]): string {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(`${Buffer.byteLength(part)}:`).update(part)
  return sum.digest('hex').slice(0, 24)
}

/** Writes a file that is either complete or not there. */
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
