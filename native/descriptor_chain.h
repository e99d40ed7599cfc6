// One descriptor chain, walked, checked and translated to host pieces: the readable part and the writable part. Makes
// no assumption about framing (virtio 1.3 §2.7.4): a part may lie in one descriptor or in many. This is the general path;
// straight_chain.h has the one for the chain that drivers send.
//
// Reads each descriptor once. Knows nothing of avail and used rings.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "memory_map.h"
#include "ring_error.h"
#include "straight_chain.h"
#include "virtio_ring.h"

namespace vhost_user_scmi {

// virtio allows 32768; SCMI drivers keep at most 1024 messages in flight (their token has 10 bits).
inline constexpr uint16_t QUEUE_SIZE_MAX = 1024;

class DescriptorChain {
 public:
  // `table` has `num` descriptors, head < num. False if the chain breaks a rule: error() says which. What walk_straight() has
  // `read` is not read again. Reuses the storage of earlier walks, so it seldom allocates.
  bool walk(const VirtqDesc* table, uint16_t num, uint16_t head, bool indirect_allowed, const MemoryMap& memory,
            const DescriptorsRead& read = {});
  const RingError& error() const { return error_; }

  uint16_t head() const { return head_; }
  const std::vector<Piece>& readable() const { return readable_; }
  const std::vector<Piece>& writable() const { return writable_; }
  uint32_t readable_bytes() const { return readable_bytes_; }
  uint32_t writable_bytes() const { return writable_bytes_; }
  // A readable descriptor followed a writable one, which §2.7.4.2 forbids. Harmless, so no fault: the owner returns the
  // chain unanswered.
  bool misordered() const { return misordered_; }
  // Descriptors looked at: the work this chain cost.
  uint32_t visited() const { return visited_; }

 private:
  bool fail(RingFault fault, uint64_t address = 0, uint64_t value = 0);
  bool enter_indirect(const VirtqDesc& descriptor, uint16_t num, bool allowed, const MemoryMap& memory,
                      const DescriptorsRead& read);
  bool copy_table(const VirtqDesc& descriptor, const MemoryMap& memory);
  bool add(const VirtqDesc& descriptor, const MemoryMap& memory);

  uint16_t head_ = 0;
  uint16_t index_ = 0;
  uint32_t visited_ = 0;
  bool in_indirect_ = false;
  bool misordered_ = false;
  uint32_t readable_bytes_ = 0;
  uint32_t writable_bytes_ = 0;
  std::vector<Piece> readable_;
  std::vector<Piece> writable_;
  RingError error_;
  std::array<VirtqDesc, QUEUE_SIZE_MAX> indirect_;
};

}  // namespace vhost_user_scmi
