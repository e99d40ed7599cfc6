/**
 * Violations of a ring's rules by the driver, at least one case for each rule: each must stop the queue. The names in
 * brackets are those of attacks.ts.
 */
import type { Driver } from '../../src/front-end/driver.js'
import { FLAT, type GuestMemory, type RegionSpec } from '../../src/front-end/memory.js'
import { Descriptor } from '../../src/front-end/protocol.js'
import { type Form, type Queue, writeDescriptor } from '../../src/front-end/queue.js'

const { NEXT, WRITE, INDIRECT } = Descriptor
const GIB = 1 << 30
/** Entries of both rings. */
export const SIZE = 16
const END = FLAT.guest + FLAT.size

type Entry = readonly [address: number | bigint, length: number, flags: number, next: number]

/** A guest that is about to break a rule. */
export interface Offender {
  driver: Driver
  memory: GuestMemory
}

export interface Violation {
  name: string
  /** Options of the guest and its device; default: FLAT memory and direct descriptors. */
  options?: { form?: Form; memory?: readonly RegionSpec[]; withoutFeatures?: number[] }
  /** Breaks the rule, with a buffer of 4 KiB to use; the ring is to be kicked afterwards. */
  commit: (guest: Offender, buffer: number) => void
  /** Text that the fault must contain. */
  says?: RegExp
}

/** Writes a table of descriptors to memory. */
function table({ memory }: Offender, at: number, ...entries: Entry[]): void {
  const bytes = new Uint8Array(entries.length * 16)
  const view = new DataView(bytes.buffer)
  for (const [i, [address, length, flags, next]] of entries.entries()) {
    writeDescriptor(view, i, address, length, flags, next)
  }
  memory.write(at, bytes)
}

/** Offers head 0 of descriptors written as given. */
export function chain({ driver: { cmdq } }: Offender, ...entries: Entry[]): void {
  for (const [i, [address, length, flags, next]] of entries.entries()) {
    cmdq.descriptor(i, address, length, flags, next)
  }
  offer(cmdq, 0)
}

/** Offers a head, valid or not. */
function offer(queue: Queue, head: number): void {
  queue.offer(head)
  queue.storeIdx(queue.nextAvailable)
}

const INDIRECT_OFFERED = { form: 'indirect' } as const

export const VIOLATIONS: readonly Violation[] = [
  {
    name: '[avail-idx] avail.idx jumps more than the queue size ahead',
    commit: guest => guest.driver.cmdq.storeIdx(SIZE + 1),
    says: /idx/,
  },
  { name: '[avail-idx] avail.idx goes back', commit: guest => guest.driver.cmdq.storeIdx(-1), says: /idx/ },
  {
    name: '[avail-idx] avail.idx jumps half way round',
    commit: guest => guest.driver.cmdq.storeIdx(0x8000),
    says: /idx/,
  },
  {
    name: '[head] a head is the queue size',
    commit: ({ driver }) => offer(driver.cmdq, SIZE),
    says: new RegExp(`${SIZE}`),
  },
  {
    name: '[head] a head is 65535',
    commit: ({ driver }) => offer(driver.cmdq, 0xffff),
    says: /65535/,
  },
  {
    name: '[next] next is the queue size',
    commit: (guest, buffer) => chain(guest, [buffer, 8, NEXT, SIZE], [buffer, 8, WRITE, 0]),
    says: new RegExp(`${SIZE}`),
  },
  {
    name: '[next] next is 65535',
    commit: (guest, buffer) => chain(guest, [buffer, 8, NEXT, 0xffff], [buffer, 8, WRITE, 0]),
    says: /65535/,
  },
  {
    name: '[next] next lies outside the indirect table',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer + 1024, [buffer, 8, NEXT, 2], [buffer, 8, WRITE, 0])
      chain(guest, [buffer + 1024, 32, INDIRECT, 0])
    },
    says: /2/,
  },
  {
    name: '[next] next of the last descriptor of an indirect table is 65535',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer + 1024, [buffer, 8, NEXT, 1], [buffer, 8, NEXT | WRITE, 0xffff])
      chain(guest, [buffer + 1024, 32, INDIRECT, 0])
    },
    says: /65535/,
  },
  { name: '[loop] a descriptor points to itself', commit: (guest, buffer) => chain(guest, [buffer, 8, NEXT, 0]) },
  {
    name: '[loop] an empty descriptor points to itself',
    commit: (guest, buffer) => chain(guest, [buffer, 0, NEXT, 0]),
  },
  {
    name: '[loop] two descriptors point to each other',
    commit: (guest, buffer) => chain(guest, [buffer, 8, NEXT, 1], [buffer, 8, NEXT, 0]),
  },
  {
    name: '[loop] all descriptors of the ring point in a circle',
    commit: (guest, buffer) => {
      chain(guest, ...Array.from({ length: SIZE }, (_, i): Entry => [buffer, 8, NEXT, (i + 1) % SIZE]))
    },
  },
  {
    name: '[loop] an indirect table loops',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer + 1024, [buffer, 8, NEXT, 1], [buffer, 8, NEXT | WRITE, 1])
      chain(guest, [buffer + 1024, 32, INDIRECT, 0])
    },
  },
  { name: '[address] a request lies outside memory', commit: guest => chain(guest, [0, 8, NEXT, 1], [0, 8, WRITE, 0]) },
  {
    name: '[address] a reply lies outside memory',
    commit: (guest, b) => chain(guest, [b, 8, NEXT, 1], [END, 8, WRITE, 0]),
  },
  {
    name: '[address] the last byte of a request lies outside memory',
    commit: (guest, buffer) => chain(guest, [END - 7, 8, NEXT, 1], [buffer, 8, WRITE, 0]),
    says: /0x[0-9a-f]+/,
  },
  {
    name: '[address] the last byte of a reply lies outside memory',
    commit: (guest, buffer) => chain(guest, [buffer, 8, NEXT, 1], [END - 7, 8, WRITE, 0]),
  },
  {
    name: '[address] the first byte of a request lies before memory',
    commit: (guest, buffer) => chain(guest, [FLAT.guest - 1, 8, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '[address] a request runs over a gap between regions',
    options: { memory: [FLAT, { guest: END + 4096, size: 1 << 20 }] },
    commit: (guest, buffer) => chain(guest, [END - 16, 4096 + 32, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '[address] address and length overflow 64 bits',
    commit: (guest, buffer) => chain(guest, [0xffff_ffff_ffff_fff8n, 16, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '[address] address and length overflow 64 bits and end in memory',
    commit: (guest, buffer) => chain(guest, [0xffff_ffff_ffff_ff00n, 0xffff_ffff, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  { name: '[address] a reply at 0', commit: (guest, b) => chain(guest, [b, 8, NEXT, 1], [0, 8, WRITE, 0]) },
  {
    name: '[address] a request of 2^32 - 1 bytes in 4 MiB of memory',
    commit: (guest, buffer) => chain(guest, [FLAT.guest, 0xffff_ffff, NEXT, 1], [buffer, 8, WRITE, 0]),
  },
  {
    name: '[address] an entry of an indirect table lies outside memory',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer, [buffer + 512, 8, NEXT, 1], [END, 8, WRITE, 0])
      chain(guest, [buffer, 32, INDIRECT, 0])
    },
    says: /indirect/,
  },
  {
    name: '[indirect-table] an indirect table of length 0',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => chain(guest, [buffer, 0, INDIRECT, 0]),
  },
  {
    name: '[indirect-table] an indirect table whose length is no multiple of 16',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer, [buffer + 512, 8, NEXT, 1], [buffer + 512, 8, WRITE, 0])
      chain(guest, [buffer, 33, INDIRECT, 0])
    },
  },
  {
    name: '[indirect-table] an indirect table with more entries than the queue',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer, [buffer + 512, 8, WRITE, 0])
      chain(guest, [buffer, 16 * (SIZE + 1), INDIRECT, 0])
    },
  },
  {
    name: '[indirect-table] an indirect table of almost 4 GiB',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => chain(guest, [buffer, 0xffff_fff0, INDIRECT, 0]),
  },
  {
    name: '[indirect-table] an indirect table outside memory',
    options: INDIRECT_OFFERED,
    commit: guest => chain(guest, [16, 32, INDIRECT, 0]),
  },
  {
    name: '[indirect-table] an indirect table whose last entry is outside memory',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, END - 16, [buffer, 8, NEXT, 1])
      chain(guest, [END - 16, 32, INDIRECT, 0])
    },
  },
  {
    name: '[indirect-table] an indirect table whose addresses overflow 64 bits',
    options: INDIRECT_OFFERED,
    commit: guest => chain(guest, [0xffff_ffff_ffff_fff0n, 32, INDIRECT, 0]),
  },
  {
    name: '[indirect-table] a bad indirect table behind a good descriptor',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => chain(guest, [buffer, 8, NEXT, 1], [buffer + 512, 8, INDIRECT, 0]),
    says: /descriptor 1 /,
  },
  {
    name: '[indirect-flag] an indirect descriptor in an indirect table',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer, [buffer + 1024, 16, INDIRECT, 0])
      table(guest, buffer + 1024, [buffer + 2048, 8, WRITE, 0])
      chain(guest, [buffer, 16, INDIRECT, 0])
    },
  },
  {
    name: '[indirect-flag] INDIRECT together with NEXT',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer, [buffer + 1024, 8, 0, 0])
      chain(guest, [buffer, 16, INDIRECT | NEXT, 1], [buffer + 1024, 8, WRITE, 0])
    },
  },
  {
    name: '[indirect-flag] an indirect descriptor when it was never offered',
    options: { withoutFeatures: [28] },
    commit: (guest, buffer) => {
      table(guest, buffer, [buffer + 1024, 8, WRITE, 0])
      chain(guest, [buffer, 16, INDIRECT, 0])
    },
  },
  {
    name: '[indirect-flag] a second indirect descriptor, in the table of the first, that points to the first',
    options: INDIRECT_OFFERED,
    commit: (guest, buffer) => {
      table(guest, buffer, [buffer + 1024, 8, NEXT, 1], [buffer, 32, INDIRECT, 0])
      chain(guest, [buffer, 32, INDIRECT, 0])
    },
  },
  {
    name: '[chain-length] more than 2^32 - 1 bytes in one chain',
    options: { memory: [FLAT, { guest: 4 * GIB, size: 3 * GIB, file: 1 }] },
    commit: guest => chain(guest, [4 * GIB, 0x9000_0000, NEXT, 1], [4 * GIB, 0x9000_0000, WRITE, 0]),
  },
]
