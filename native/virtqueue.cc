#include "virtqueue.h"

#include <atomic>
#include <utility>

namespace vhost_user_scmi {
namespace {

// §2.7.7.2, as vring_need_event() in the specification's header: did the index step over `event` from `old` to `now`?
bool need_event(uint16_t event, uint16_t now, uint16_t old) {
  return static_cast<uint16_t>(now - event - 1) < static_cast<uint16_t>(now - old);
}

}  // namespace

RingError Virtqueue::start(const RingPointers& ring, uint16_t num, uint16_t base, uint64_t features,
                           InflightQueue inflight) {
  const uint16_t used_idx = load(&ring.used->idx);
  resubmit_.clear();
  resubmitted_ = 0;
  if (inflight) {
    // Everything answered is used; everything taken but not answered is in the list (vhost-user, "Inflight I/O").
    resubmit_ = inflight.recover(num, used_idx);
    base = static_cast<uint16_t>(used_idx + resubmit_.size());
  }
  if (static_cast<uint16_t>(base - used_idx) > num) {
    return {.fault = RingFault::BASE_TOO_FAR, .index = base, .address = used_idx, .value = num};
  }
  ring_ = ring;
  num_ = num;
  next_avail_ = seen_avail_ = base;
  next_used_ = decided_used_ = used_idx;
  decided_ = false;
  event_idx_ = features & feature_bit(VIRTIO_F_EVENT_IDX);
  indirect_ = features & feature_bit(VIRTIO_F_INDIRECT_DESC);
  error_ = {};
  in_flight_.reset();
  inflight_ = inflight;
  enable_kicks();
  return {};
}

void Virtqueue::stop() {
  ring_ = {};
  held_.clear();
}

bool Virtqueue::available() const {
  return resubmitted_ < resubmit_.size() || load_avail_idx(ring_.avail) != next_avail_;
}

Peek Virtqueue::look() {
  const uint16_t idx = load_avail_idx(ring_.avail);
  // §2.7.6: the driver is at most one whole ring ahead of us.
  const auto ahead = static_cast<uint16_t>(idx - next_avail_);
  if (ahead > num_) return fail(RingFault::AVAIL_IDX_JUMP, idx, 0, next_avail_, num_);
  seen_avail_ = idx;
  return pending() ? Peek::CHAIN : Peek::EMPTY;
}

Peek Virtqueue::peek(const MemoryMap& memory, DescriptorChain& chain) {
  uint16_t head;
  const Peek peek = peek_head(head);
  return peek == Peek::CHAIN ? walk(head, memory, chain) : peek;
}

Peek Virtqueue::peek_held(uint32_t ticket, const MemoryMap& memory, DescriptorChain& chain) {
  const auto head = held_.find(ticket);
  return head ? walk(*head, memory, chain) : Peek::EMPTY;
}

Peek Virtqueue::walk(uint16_t head, const MemoryMap& memory, DescriptorChain& chain, const DescriptorsRead& read) {
  if (chain.walk(ring_.desc, num_, head, indirect_, memory, read)) return Peek::CHAIN;
  error_ = chain.error();
  return Peek::FAULT;
}

void Virtqueue::complete_held(uint16_t head, uint32_t written) {
  held_.release(head);
  complete(head, written);
}

bool Virtqueue::needs_signal() {
  const uint16_t old = std::exchange(decided_used_, next_used_);
  if (old == next_used_) return false;
  const bool first = !std::exchange(decided_, true);
  // Full: our store of used.idx before our load of the driver's wish. Pairs with the driver's barrier between enabling
  // notifications and looking at used.idx once more (§2.7.14).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!event_idx_) return !(load(&ring_.avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
  // There is no `old` for the first decision: the driver may have waited since before the ring started.
  return first || need_event(load(used_event()), next_used_, old);
}

void Virtqueue::suppress_kicks() {
  // With EVENT_IDX, avail_event simply stays behind: the driver kicks when it steps over it, once in 65536 entries.
  if (!event_idx_) store(&ring_.used->flags, VIRTQ_USED_F_NO_NOTIFY);
}

bool Virtqueue::enable_kicks() {
  store(&ring_.used->flags, uint16_t{0});  // §2.7.10.2: always 0 under EVENT_IDX
  if (event_idx_) store(avail_event(), next_avail_);
  // Full: our wish before our look at avail.idx. Pairs with the driver's barrier between moving avail.idx and reading
  // the wish (§2.7.13.4.1).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return available();
}

Peek Virtqueue::fail(RingFault fault, uint32_t index, uint32_t head, uint64_t address, uint64_t value) {
  error_ = {.fault = fault, .index = index, .head = head, .address = address, .value = value};
  return Peek::FAULT;
}

}  // namespace vhost_user_scmi
