#include "inflight.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>

#include "ring_access.h"

namespace vhost_user_scmi {
namespace {

uint64_t queue_bytes(uint16_t queue_size) {
  const uint64_t bytes = sizeof(InflightHeader) + sizeof(InflightDescriptor) * queue_size;
  return (bytes + INFLIGHT_ALIGN - 1) / INFLIGHT_ALIGN * INFLIGHT_ALIGN;
}

// The reader is a later process, after this one died. Release keeps compiler and processor from reordering the stores; the
// reader needs no acquire.
template <typename T>
void store_release(T* field, T value) {
  __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

}  // namespace

std::vector<uint16_t> InflightQueue::recover(uint16_t num, uint16_t used_idx) {
  if (load(&header_->version) == 0) {
    for (uint16_t i = 0; i < size_; i++) store_release(&header_->desc[i].inflight, uint8_t{0});
    store_release(&header_->used_idx, used_idx);
    store_release(&header_->version, INFLIGHT_VERSION);
  }
  store_release(&header_->desc_num, size_);

  // The process died between moving used.idx and recording that: the last batch is answered.
  uint16_t head = load(&header_->last_batch_head);
  uint16_t unnoted = static_cast<uint16_t>(used_idx - load(&header_->used_idx));
  for (; unnoted > 0 && unnoted <= size_ && head < size_; unnoted--) {
    store_release(&header_->desc[head].inflight, uint8_t{0});
    head = load(&header_->desc[head].next);
  }
  store_release(&header_->used_idx, used_idx);

  struct Entry {
    uint64_t counter;
    uint16_t head;
  };
  std::vector<Entry> entries;
  for (uint16_t i = 0; i < std::min(num, size_); i++) {
    if (load(&header_->desc[i].inflight) == 1) entries.push_back({load(&header_->desc[i].counter), i});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.counter < b.counter; });
  counter_ = entries.empty() ? 0 : entries.back().counter;
  std::vector<uint16_t> heads;
  for (const Entry& entry : entries) heads.push_back(entry.head);
  return heads;
}

void InflightQueue::taken(uint16_t head) {
  store_release(&header_->desc[head].counter, ++counter_);
  store_release(&header_->desc[head].inflight, uint8_t{1});
}

void InflightQueue::completing(uint16_t head) {
  store_release(&header_->desc[head].next, load(&header_->last_batch_head));
  store_release(&header_->last_batch_head, head);
}

void InflightQueue::completed(uint16_t head, uint16_t used_idx) {
  store_release(&header_->desc[head].inflight, uint8_t{0});
  store_release(&header_->used_idx, used_idx);
}

uint64_t InflightRegion::bytes(uint16_t num_queues, uint16_t queue_size) {
  return num_queues * queue_bytes(queue_size);
}

Fd InflightRegion::create(uint16_t num_queues, uint16_t queue_size) {
  Fd fd(memfd_create("vhost-user-scmi-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes(num_queues, queue_size))) != 0) return Fd();
  // Sealed, the file can't shrink under anybody's mapping.
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return Fd();
  return fd;
}

Refusal InflightRegion::map(int fd, uint64_t offset, uint64_t length, uint16_t num_queues, uint16_t queue_size) {
  if (const Refusal refusal = mapping_.map(fd, offset, length)) return refusal;
  num_queues_ = num_queues;
  queue_size_ = queue_size;
  return {};
}

std::optional<uint16_t> InflightRegion::foreign_version() const {
  for (unsigned i = 0; i < num_queues_; i++) {
    const uint16_t version = load(&header(i)->version);
    if (version > INFLIGHT_VERSION) return version;
  }
  return std::nullopt;
}

InflightQueue InflightRegion::queue(unsigned index) const {
  return mapping_ && index < num_queues_ ? InflightQueue(header(index), queue_size_) : InflightQueue();
}

InflightHeader* InflightRegion::header(unsigned index) const {
  return reinterpret_cast<InflightHeader*>(mapping_.data() + index * queue_bytes(queue_size_));
}

}  // namespace vhost_user_scmi
