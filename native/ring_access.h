// How the words of a ring are read and written: one function for each, so that barriers and byte order have one home. README.md
// has the table of barriers: what pairs with what, and why it suffices.
//
// The driver may rewrite any word at any time. Each function reads its word exactly once: what is checked is what is used.
#pragma once

#include <cstdint>
#include <cstring>

#include "virtio_ring.h"

namespace vhost_user_scmi {

template <typename T>
T load(const T* field) {
  return __atomic_load_n(field, __ATOMIC_RELAXED);
}

template <typename T>
void store(T* field, T value) {
  __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

// Pairs with the driver's barrier between writing the avail ring and avail.idx (§2.7.13.3): who sees the index sees
// the ring entry, the descriptors and the request.
inline uint16_t load_avail_idx(const VirtqAvail* avail) { return __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE); }

// Pairs with the driver's acquire of used.idx (§2.7.14): who sees the index sees the used element and the reply.
inline void store_used_idx(VirtqUsed* used, uint16_t idx) { __atomic_store_n(&used->idx, idx, __ATOMIC_RELEASE); }

inline VirtqDesc descriptor_of(uint64_t addr, uint64_t rest) {
  static_assert(sizeof(VirtqDesc) == 2 * sizeof(uint64_t));
  return {
      .addr = addr,
      .len = static_cast<uint32_t>(rest),
      .flags = static_cast<uint16_t>(rest >> 32),
      .next = static_cast<uint16_t>(rest >> 48),
  };
}

// Two 8-byte loads; the halves may stem from different writes. Relaxed: the acquire load of avail.idx came before.
inline VirtqDesc load_descriptor(const VirtqDesc* descriptor) {
  const auto* words = reinterpret_cast<const uint64_t*>(descriptor);
  const uint64_t addr = load(&words[0]);
  const uint64_t rest = load(&words[1]);
  return descriptor_of(addr, rest);
}

// The same for an indirect table, which may lie at any alignment.
inline VirtqDesc load_table_entry(const uint8_t* at) {
  uint64_t words[2];
  std::memcpy(words, at, sizeof words);
  // The compiler must take the words for changed here, so it can't read them from guest memory again.
  asm volatile("" : "+r"(words[0]), "+r"(words[1]));
  return descriptor_of(words[0], words[1]);
}

// Many of them: copied once, and only the copy is looked at.
inline void copy_table_entries(void* to, const uint8_t* from, size_t bytes) {
  std::memcpy(to, from, bytes);
  // Without this the compiler could read guest memory again where the copy is used.
  asm volatile("" ::: "memory");
}

}  // namespace vhost_user_scmi
