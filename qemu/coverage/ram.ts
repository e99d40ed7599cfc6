/**
 * A guest's RAM, for reading. QEMU has it in a file in memory (machine.ts: memory-backend-memfd); who has that file open can
 * still read it when QEMU has ended, whatever ended it.
 */
import { closeSync, fstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Where QEMU's machine "virt" has its RAM. */
const RAM_BASE = 0x4000_0000n
/** QEMU's name for the file. */
const RAM_FILE = /^\/memfd:memory-backend-memfd/
const LOOK_MS = 10

/** What is asked for is not in RAM: the guest's memory is damaged, or deceives. */
export class RamError extends Error {
  override name = 'RamError'
}

export class GuestRam {
  readonly #fd: number
  readonly base = RAM_BASE
  readonly size: bigint

  constructor(fd: number) {
    this.#fd = fd
    this.size = BigInt(fstatSync(fd).size)
  }

  /** Bytes at a physical address. Throws RamError. */
  read(physical: bigint, length: number): Buffer {
    const offset = physical - this.base
    if (offset < 0n || offset + BigInt(length) > this.size) {
      throw new RamError(`no RAM for ${length} bytes at 0x${physical.toString(16)}`)
    }
    const bytes = Buffer.alloc(length)
    const count = readSync(this.#fd, bytes, 0, length, Number(offset))
    if (count !== length) throw new RamError(`RAM ends at 0x${(physical + BigInt(count)).toString(16)}`)
    return bytes
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/**
 * Opens the RAM of a QEMU that has just been started: tries until QEMU has made it, which is before the guest's first
 * instruction. Resolves with undefined if QEMU ends before.
 */
export async function openRam(pid: number, isRunning: () => boolean): Promise<GuestRam | undefined> {
  while (isRunning()) {
    const fd = findRam(pid)
    if (fd !== undefined) return new GuestRam(fd)
    await sleep(LOOK_MS)
  }
  return undefined
}

function findRam(pid: number): number | undefined {
  const folder = `/proc/${pid}/fd`
  try {
    const name = readdirSync(folder).find(name => RAM_FILE.test(readlinkSync(`${folder}/${name}`)))
    return name === undefined ? undefined : openSync(`${folder}/${name}`, 'r')
  } catch (error) {
    // The process has just ended, or has closed a file since the folder was read.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) return undefined
    throw error
  }
}
