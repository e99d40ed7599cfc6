// The inflight region (vhost-user, "Inflight I/O tracking"): a file that the front end keeps for us, in which a later
// process finds which requests this one had taken but not answered.
//
// The front end can write it at any time, so no field of it is trusted: indexes are checked on every use, and sizes
// come from the message that brought it. Requests are published one by one, so a "last batch" is a single entry.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fd.h"
#include "mapping.h"

namespace vhost_user_scmi {

inline constexpr uint16_t INFLIGHT_VERSION = 1;
// Of each queue's part.
inline constexpr uint64_t INFLIGHT_ALIGN = 64;

struct InflightDescriptor {
  uint8_t inflight;
  uint8_t padding[5];
  uint16_t next;
  uint64_t counter;
};
static_assert(sizeof(InflightDescriptor) == 16);

struct InflightHeader {
  uint64_t features;
  uint16_t version;
  uint16_t desc_num;
  uint16_t last_batch_head;
  uint16_t used_idx;
  InflightDescriptor desc[];
};
static_assert(sizeof(InflightHeader) == 16);

// One queue's part. Empty (false) if the front end tracks nothing; then only `operator bool` may be called.
class InflightQueue {
 public:
  InflightQueue() = default;
  InflightQueue(InflightHeader* header, uint16_t size) : header_(header), size_(size) {}

  explicit operator bool() const { return header_ != nullptr; }
  uint16_t size() const { return size_; }

  // Brings the region in step with a ring of `num` entries at `used_idx`. Returns the heads to answer again, in order.
  std::vector<uint16_t> recover(uint16_t num, uint16_t used_idx);

  void taken(uint16_t head);
  // Around the store of used.idx: a crash between the two is seen by recover().
  void completing(uint16_t head);
  void completed(uint16_t head, uint16_t used_idx);

 private:
  InflightHeader* header_ = nullptr;
  uint16_t size_ = 0;
  uint64_t counter_ = 0;
};

class InflightRegion {
 public:
  static uint64_t bytes(uint16_t num_queues, uint16_t queue_size);
  // A zeroed, sealed file of that size, for GET_INFLIGHT_FD.
  static Fd create(uint16_t num_queues, uint16_t queue_size);

  // `offset` must be a multiple of INFLIGHT_ALIGN, and `length` at least bytes(num_queues, queue_size).
  Refusal map(int fd, uint64_t offset, uint64_t length, uint16_t num_queues, uint16_t queue_size);
  // The version of a part that is neither new (0) nor ours (1), if any.
  std::optional<uint16_t> foreign_version() const;

  InflightQueue queue(unsigned index) const;
  bool broken() const { return mapping_.broken(); }

 private:
  InflightHeader* header(unsigned index) const;

  Mapping mapping_;
  uint16_t num_queues_ = 0;
  uint16_t queue_size_ = 0;
};

}  // namespace vhost_user_scmi
