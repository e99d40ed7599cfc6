#include "descriptor_chain.h"

#include <algorithm>

#include "ring_access.h"

namespace vhost_user_scmi {

bool DescriptorChain::walk(const VirtqDesc* table, uint16_t num, uint16_t head, bool indirect_allowed,
                           const MemoryMap& memory, const DescriptorsRead& read) {
  head_ = index_ = head;
  visited_ = 0;
  in_indirect_ = misordered_ = false;
  readable_bytes_ = writable_bytes_ = 0;
  readable_.clear();
  writable_.clear();

  // The current table has `count` descriptors, `left` of which may still be visited: no chain is longer than the queue
  // (§2.7.5.3.1). This also ends loops.
  uint16_t count = num;
  for (uint16_t left = num;; left--) {
    if (left == 0) return fail(RingFault::CHAIN_TOO_LONG, 0, count);
    const bool known = !in_indirect_ && visited_ < read.count;
    const VirtqDesc descriptor = known ? read.ring[visited_] : load_descriptor(&table[index_]);
    visited_++;

    if (descriptor.flags & VIRTQ_DESC_F_INDIRECT) {
      if (!enter_indirect(descriptor, num, indirect_allowed, memory, read)) return false;
      table = indirect_.data();
      count = static_cast<uint16_t>(descriptor.len / sizeof(VirtqDesc));
      left = count + 1;
      continue;
    }
    if (!add(descriptor, memory)) return false;
    if (!(descriptor.flags & VIRTQ_DESC_F_NEXT)) return true;
    if (descriptor.next >= count) return fail(RingFault::NEXT_OUT_OF_RANGE, 0, descriptor.next);
    index_ = descriptor.next;
  }
}

// §2.7.5.3: the table replaces the descriptor, and ends the chain.
bool DescriptorChain::enter_indirect(const VirtqDesc& descriptor, uint16_t num, bool allowed, const MemoryMap& memory,
                                     const DescriptorsRead& read) {
  if (in_indirect_) return fail(RingFault::INDIRECT_NESTED);
  if (!allowed) return fail(RingFault::INDIRECT_NOT_NEGOTIATED);
  if (descriptor.flags & VIRTQ_DESC_F_NEXT) return fail(RingFault::INDIRECT_WITH_NEXT);
  if (descriptor.len == 0 || descriptor.len % sizeof(VirtqDesc) != 0 || descriptor.len / sizeof(VirtqDesc) > num) {
    return fail(RingFault::INDIRECT_BAD_LENGTH, descriptor.addr, descriptor.len);
  }
  if (read.has_table) {
    std::copy(read.table.begin(), read.table.end(), indirect_.begin());
  } else if (!copy_table(descriptor, memory)) {
    return fail(RingFault::INDIRECT_NOT_GUEST_MEMORY, descriptor.addr, descriptor.len);
  }
  in_indirect_ = true;
  index_ = 0;
  return true;
}

// The table may lie in several regions.
bool DescriptorChain::copy_table(const VirtqDesc& descriptor, const MemoryMap& memory) {
  auto* to = reinterpret_cast<uint8_t*>(indirect_.data());
  Piece whole;
  if (memory.translate_whole(descriptor.addr, descriptor.len, whole)) {
    copy_table_entries(to, whole.host, descriptor.len);
    return true;
  }
  // Uses the end of the readable list as scratch for the table's own pieces.
  const size_t kept = readable_.size();
  if (!memory.translate(descriptor.addr, descriptor.len, readable_)) return false;
  for (size_t i = kept; i < readable_.size(); i++) {
    copy_table_entries(to, readable_[i].host, readable_[i].length);
    to += readable_[i].length;
  }
  readable_.resize(kept);
  return true;
}

bool DescriptorChain::add(const VirtqDesc& descriptor, const MemoryMap& memory) {
  if (descriptor.len == 0) return true;
  const bool writable = descriptor.flags & VIRTQ_DESC_F_WRITE;
  // §2.7.4.2: readable before writable.
  if (!writable && writable_bytes_ > 0) misordered_ = true;
  // §2.7.5: at most 2^32 - 1 bytes in all, so that every length here fits 32 bits.
  if (descriptor.len > UINT32_MAX - readable_bytes_ - writable_bytes_) {
    return fail(RingFault::CHAIN_TOO_LARGE, descriptor.addr, descriptor.len);
  }
  std::vector<Piece>& pieces = writable ? writable_ : readable_;
  Piece whole;
  if (memory.translate_whole(descriptor.addr, descriptor.len, whole)) {
    pieces.push_back(whole);
  } else if (!memory.translate(descriptor.addr, descriptor.len, pieces)) {
    return fail(RingFault::NOT_GUEST_MEMORY, descriptor.addr, descriptor.len);
  }
  (writable ? writable_bytes_ : readable_bytes_) += descriptor.len;
  return true;
}

bool DescriptorChain::fail(RingFault fault, uint64_t address, uint64_t value) {
  error_ = {
      .fault = fault,
      .index = index_,
      .head = head_,
      .address = address,
      .value = value,
      .indirect = in_indirect_,
  };
  return false;
}

}  // namespace vhost_user_scmi
