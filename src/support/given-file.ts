/** Reads files that the operator names, with a size limit, and without blocking on things that are not files. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { OperatorError } from './errors.js'

const CHUNK = 65_536
/** Pipes of a shell: `platform check <(make-board)`, or /dev/stdin. */
const INHERITED = /^\/dev\/(stdin$|fd\/)/

/**
 * The text of a file of at most `bytesMax`. Throws OperatorError if it is larger or not a file, such as a pipe without
 * writer; throws system errors unchanged.
 */
export function readGivenFile(path: string, bytesMax: number): string {
  return readGivenBytes(path, bytesMax).toString('utf8')
}

/** The same as bytes. */
export function readGivenBytes(path: string, bytesMax: number): Buffer {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  const fd = openSync(path, INHERITED.test(path) ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile() && !stat.isDirectory() && !INHERITED.test(path))
      throw new OperatorError(`${path}: is not a file`)
    const chunks: Buffer[] = []
    for (let size = 0; ; ) {
      const chunk = Buffer.alloc(CHUNK)
      const read = readSync(fd, chunk)
      size += read
      if (size > bytesMax) throw new OperatorError(`${path}: is larger than ${bytesMax} bytes`)
      if (read === 0) return Buffer.concat(chunks)
      chunks.push(chunk.subarray(0, read))
    }
  } finally {
    closeSync(fd)
  }
}
