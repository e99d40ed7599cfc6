// The chain that drivers send, in one straight path: a readable descriptor and a writable one behind it, linked in the ring or
// in an indirect table of two, each buffer in one piece. No loop, no list, nothing allocated.
//
// Every other chain, and every mistake, is left to DescriptorChain (descriptor_chain.cc), which makes the same checks in the
// general form, says what is wrong, and goes on from what was read here: no word is read twice. test/fuzz/chain.cc runs
// random chains through both and compares all that comes out.
#pragma once

#include <array>
#include <cstdint>

#include "memory_map.h"
#include "ring_access.h"
#include "virtio_ring.h"

namespace vhost_user_scmi {

struct StraightChain {
  Piece request;
  Piece reply;
};

// What the straight path has read of a chain.
struct DescriptorsRead {
  // The first of them in the ring, in the order of the chain.
  uint32_t count = 0;
  std::array<VirtqDesc, 2> ring;
  // The two of an indirect table, if the first in the ring names one that was read.
  bool has_table = false;
  std::array<VirtqDesc, 2> table;
};

// `table` has `num` descriptors, head < num. False if the chain is another one; `read` says in either case what was read.
inline bool walk_straight(const VirtqDesc* table, uint16_t num, uint16_t head, bool indirect_allowed,
                          const MemoryMap& memory, DescriptorsRead& read, StraightChain& chain) {
  read.has_table = false;
  read.count = 1;
  const VirtqDesc first = read.ring[0] = load_descriptor(&table[head]);
  // No chain is longer than the queue (§2.7.5.3.1).
  if (num < 2) return false;

  VirtqDesc request = first;
  VirtqDesc reply;
  if (first.flags == VIRTQ_DESC_F_INDIRECT) {
    // §2.7.5.3: the table replaces the descriptor.
    Piece pair;
    if (!indirect_allowed || first.len != sizeof read.table) return false;
    if (!memory.translate_whole(first.addr, first.len, pair)) return false;
    request = read.table[0] = load_table_entry(pair.host);
    reply = read.table[1] = load_table_entry(pair.host + sizeof(VirtqDesc));
    read.has_table = true;
    if (request.flags != VIRTQ_DESC_F_NEXT || request.next != 1) return false;
  } else {
    if (request.flags != VIRTQ_DESC_F_NEXT || request.next >= num) return false;
    reply = read.ring[1] = load_descriptor(&table[request.next]);
    read.count = 2;
  }
  if (reply.flags != VIRTQ_DESC_F_WRITE || request.len == 0 || reply.len == 0) return false;
  // A piece has at most 1 GiB, so both together have fewer than 2^32 bytes (§2.7.5).
  return memory.translate_whole(request.addr, request.len, chain.request) &&
         memory.translate_whole(reply.addr, reply.len, chain.reply);
}

}  // namespace vhost_user_scmi
