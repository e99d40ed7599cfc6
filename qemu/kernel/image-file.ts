/** Kernels as files: Image, Image.gz, and 32-bit zImage; what is inside, and for which architecture. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { architectureOf, target } from '../support/architectures.js'
import { LabError } from '../support/errors.js'
import { isGzip } from '../support/files.js'

/** Limit for an Image's size: a debug kernel has some 100 MB. */
const IMAGE_MAX = 1 << 30
/** Of a gzip member that has no name, as Kbuild makes them: magic, method, no flags. */
const GZIP_START = Buffer.from([0x1f, 0x8b, 8, 0])

/** A kernel as it runs: Image.gz and zImage are the same, compressed. */
export function readImage(path: string): Buffer {
  const bytes = readFileSync(path)
  try {
    if (isGzip(bytes)) return gunzipSync(bytes, { maxOutputLength: IMAGE_MAX })
    if (architectureOf(bytes) !== 'arm') return bytes
    const start = bytes.indexOf(GZIP_START)
    if (start < 0) throw new Error('it is not compressed by gzip (CONFIG_KERNEL_GZIP)')
    return gunzipSync(bytes.subarray(start), { maxOutputLength: IMAGE_MAX })
  } catch (error) {
    throw new LabError(`${path} can't be unpacked: ${(error as Error).message}`)
  }
}

/** The part of a kernel that has its magic number. */
const HEADER_BYTES = 64

/** Throws LabError unless there is a kernel, for the guest's architecture; what kernel a compressed one is, QEMU finds out. */
export function checkImage(path: string): void {
  if (!existsSync(path)) throw new LabError(`${path}: there is no such kernel Image`)
  const header = Buffer.alloc(HEADER_BYTES)
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, HEADER_BYTES, 0)
  } finally {
    closeSync(file)
  }
  const found = architectureOf(header)
  if (found === undefined || found === target().name) return
  throw new LabError(
    `${path} is a kernel for ${found}: ${found === 'arm' ? 'give --arch arm' : `leave out --arch ${target().name}`}`,
  )
}

/** The vmlinux of a kernel: beside the Image, or at its place in a built tree; undefined if there is none. */
export function vmlinuxOf(image: string): string | undefined {
  const folder = dirname(resolve(image))
  return [join(folder, 'vmlinux'), join(folder, '../../../vmlinux')].find(existsSync)
}

/** The same, if it has debug information. */
export function debuggable(image: string): string | undefined {
  const path = vmlinuxOf(image)
  return path !== undefined && readFileSync(path).includes('.debug_info') ? path : undefined
}
