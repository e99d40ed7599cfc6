/**
 * What hostile guests and front ends do to a device. A test of an attack has its name in brackets: "[loop] an indirect
 * table loops". `npm run torture -- hostile` counts the tests of each attack and fails where there are none.
 */

/** Attacks through guest memory: by the driver, on its rings and messages. */
export const GUEST_ATTACKS = {
  'avail-idx':
    'avail.idx runs further ahead than the ring has entries: a device that follows serves old heads for ever',
  head: 'a head is no descriptor of the table: a device that follows reads past the table',
  next: 'next is no descriptor of the table: a device that follows reads past the table',
  loop: 'a chain has a loop: a device that follows never ends',
  address: 'a buffer lies partly or wholly outside memory, or wraps round: checking its first byte is not enough',
  'indirect-table': 'an indirect table is empty, too long, no multiple of 16, or outside memory',
  'indirect-flag': 'INDIRECT where virtio forbids it: nested, with NEXT, or not negotiated',
  tampering:
    'another processor rewrites descriptors and requests while the device reads them: what is checked must be what is used',
  direction: 'buffers in the wrong order, or none to read or to write',
  'short-request': 'a request without a whole header, or a reply buffer without room for a status',
  'chain-length': 'the lengths of a chain add up to more than 32 bits hold',
  'long-request': 'a request of gigabytes: the guest must not decide how much the device allocates',
  'short-buffer': 'a reply is longer than its buffer: the rest must not be written',
  'head-twice': 'a head is offered again while the device has it: it must not be used twice',
  'kick-storm': 'kicks without end: the sockets and the other guests must still be served',
  overlap: 'buffers lie over each other or over the ring: no pointer or value may be kept between two accesses',
  'unready-ring': 'a ring is kicked before it is set up',
  fields: 'ids, counts and flags of a message are out of range, or say more than the message has',
  uncollected: 'the driver offers no event buffers: what waits for them must not grow without bound',
} as const

/** Attacks through the socket: by the front end, with requests, descriptors and files. */
export const FRONT_END_ATTACKS = {
  'payload-size': 'a payload that does not have the size of its request',
  'request-header': 'a wrong version, a reply that nobody asked for, an unknown request',
  descriptors: 'more descriptors than a request has, or fewer: none may be leaked',
  'ring-index': 'a request for a ring that does not exist',
  'ring-size': 'a ring of 0 entries, of too many, or not of a power of two',
  'region-count': 'a memory table with too many regions or none, or with other counts of regions and descriptors',
  'region-overflow': 'addresses, sizes and offsets of regions that are 0 or wrap round',
  'region-overlap': 'regions that lie over each other',
  'huge-region': 'a region that is larger than any file',
  'file-offset': 'a region that begins in the middle of a page of its file',
  'short-file': 'a file that is shorter than its region: the first access would be SIGBUS',
  'shrinking-file': 'a file that is truncated while it is mapped: the access is SIGBUS',
  'not-memory': 'a descriptor of something that cannot be mapped, or not for writing',
  'ring-address': 'a ring that is partly or wholly outside memory, or in two regions',
  'ring-alignment': 'a ring that is not aligned as virtio wants it',
  'ring-flags': 'SET_VRING_ADDR with unknown flags, or a log without LOG',
  'request-order': 'requests in an unusual order: a ring starts when it has all that it needs',
  'removed-region': 'memory is taken away while a ring or a message is in it',
  'ring-base': 'a ring starts at an index at which it cannot be',
  'inflight-region': 'an in-flight region with wrong sizes or hostile content',
  features: 'features are acknowledged that were never offered',
  'kick-descriptor': 'the kick is no eventfd: its end of file must not keep the loop busy',
  'call-descriptor': 'the call is full, or nobody reads it: writing to it must not block',
  'second-front-end': 'a second front end connects while the first is served',
  'slow-front-end': 'half a request, or replies that are not read: the rings must still be served',
  'hang-up': 'the front end closes while a reply is on its way: no SIGPIPE',
  'stop-in-traffic': 'GET_VRING_BASE in the middle of traffic: no message is lost',
  enabling: 'rings are enabled by SET_VRING_ENABLE alone, or by SET_FEATURES without bit 30',
  'mapping-leak': 'the memory table is replaced again and again: old mappings must go',
  'truncated-watch': 'a file is truncated under words that the device looks at by itself: the access is SIGBUS',
  'stale-view': 'memory is unmapped while JavaScript has a view of it: the view must throw',
} as const
