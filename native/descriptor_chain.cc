#include "descriptor_chain.h"

#include <cstring>

namespace vhost_user_scmi {
namespace {

// The driver may rewrite a descriptor while we look. Two 8-byte loads, each exactly once: what is checked is what is
// used, although the halves may stem from different writes. Relaxed: the acquire load of avail.idx came before.
VirtqDesc load_descriptor(const VirtqDesc* descriptor) {
  static_assert(sizeof(VirtqDesc) == 2 * sizeof(uint64_t));
  const auto* words = reinterpret_cast<const uint64_t*>(descriptor);
  const uint64_t copy[2] = {__atomic_load_n(&words[0], __ATOMIC_RELAXED), __atomic_load_n(&words[1], __ATOMIC_RELAXED)};
  VirtqDesc value;
  std::memcpy(&value, copy, sizeof value);
  return value;
}

}  // namespace

RingError DescriptorChain::walk(const VirtqDesc* table, uint16_t num, uint16_t head, bool indirect_allowed,
                                const MemoryMap& memory) {
  head_ = index_ = head;
  visited_ = 0;
  in_indirect_ = misordered_ = false;
  readable_bytes_ = writable_bytes_ = 0;
  readable_.clear();
  writable_.clear();

  // The table we are in has `count` descriptors, and `left` may still be visited: §2.7.5.3.1, no chain is longer than
  // the queue. A loop ends here too.
  uint16_t count = num;
  for (uint16_t left = num;; left--) {
    if (left == 0) return fail(RingFault::CHAIN_TOO_LONG, 0, count);
    visited_++;
    const VirtqDesc descriptor = in_indirect_ ? indirect_[index_] : load_descriptor(&table[index_]);

    if (descriptor.flags & VIRTQ_DESC_F_INDIRECT) {
      if (const RingError error = enter_indirect(descriptor, num, indirect_allowed, memory)) return error;
      count = static_cast<uint16_t>(descriptor.len / sizeof(VirtqDesc));
      left = count + 1;
      continue;
    }
    if (const RingError error = add(descriptor, memory)) return error;
    if (!(descriptor.flags & VIRTQ_DESC_F_NEXT)) return {};
    if (descriptor.next >= count) return fail(RingFault::NEXT_OUT_OF_RANGE, 0, descriptor.next);
    index_ = descriptor.next;
  }
}

// §2.7.5.3: the table replaces the descriptor, and ends the chain. It may lie at any alignment and in several regions,
// and the driver may rewrite it: it is copied once, and only the copy is walked.
RingError DescriptorChain::enter_indirect(const VirtqDesc& descriptor, uint16_t num, bool allowed,
                                          const MemoryMap& memory) {
  if (in_indirect_) return fail(RingFault::INDIRECT_NESTED);
  if (!allowed) return fail(RingFault::INDIRECT_NOT_NEGOTIATED);
  if (descriptor.flags & VIRTQ_DESC_F_NEXT) return fail(RingFault::INDIRECT_WITH_NEXT);
  if (descriptor.len == 0 || descriptor.len % sizeof(VirtqDesc) != 0 || descriptor.len / sizeof(VirtqDesc) > num) {
    return fail(RingFault::INDIRECT_BAD_LENGTH, descriptor.addr, descriptor.len);
  }
  // The readable list serves as scratch: what lies behind `kept` is the table's own pieces.
  const size_t kept = readable_.size();
  if (!memory.translate(descriptor.addr, descriptor.len, readable_)) {
    return fail(RingFault::INDIRECT_NOT_GUEST_MEMORY, descriptor.addr, descriptor.len);
  }
  auto* to = reinterpret_cast<uint8_t*>(indirect_.data());
  for (size_t i = kept; i < readable_.size(); i++) {
    std::memcpy(to, readable_[i].host, readable_[i].length);
    to += readable_[i].length;
  }
  // Without this the compiler could read guest memory again where the copy is used.
  asm volatile("" ::: "memory");
  readable_.resize(kept);
  in_indirect_ = true;
  index_ = 0;
  return {};
}

RingError DescriptorChain::add(const VirtqDesc& descriptor, const MemoryMap& memory) {
  if (descriptor.len == 0) return {};
  const bool writable = descriptor.flags & VIRTQ_DESC_F_WRITE;
  // §2.7.4.2: readable before writable.
  if (!writable && writable_bytes_ > 0) misordered_ = true;
  // §2.7.5: at most 2^32 - 1 bytes in all, so that every length here fits 32 bits.
  if (descriptor.len > UINT32_MAX - readable_bytes_ - writable_bytes_) {
    return fail(RingFault::CHAIN_TOO_LARGE, descriptor.addr, descriptor.len);
  }
  if (!memory.translate(descriptor.addr, descriptor.len, writable ? writable_ : readable_)) {
    return fail(RingFault::NOT_GUEST_MEMORY, descriptor.addr, descriptor.len);
  }
  (writable ? writable_bytes_ : readable_bytes_) += descriptor.len;
  return {};
}

RingError DescriptorChain::fail(RingFault fault, uint64_t address, uint64_t value) const {
  return {.fault = fault, .index = index_, .head = head_, .address = address, .value = value, .indirect = in_indirect_};
}

}  // namespace vhost_user_scmi
