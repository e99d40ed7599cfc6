// A running split virtqueue, seen from the device (virtio 1.3 §2.7): take available chains in order, publish them as
// used in order, decide whether to notify, enable or suppress kicks. Start reading here.
//
// `next_avail` and `next_used` are the device's own positions; avail.idx and used.idx are fields in guest memory. Owns
// no event descriptor and calls nobody: it answers yes or no, and the session signals.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "descriptor_chain.h"
#include "held_chains.h"
#include "inflight.h"
#include "memory_map.h"
#include "ring_access.h"
#include "ring_error.h"
#include "straight_chain.h"
#include "virtio_ring.h"

namespace vhost_user_scmi {

struct RingPointers {
  VirtqDesc* desc;
  VirtqAvail* avail;
  VirtqUsed* used;
};

enum class Peek : uint8_t { EMPTY, CHAIN, FAULT };

class Virtqueue {
 public:
  // `ring` points to all parts of a ring of `num` entries, aligned; they stay mapped until stop(). The device goes on
  // at `base`, except that an inflight region overrules it.
  RingError start(const RingPointers& ring, uint16_t num, uint16_t base, uint64_t features, InflightQueue inflight);
  void stop();
  bool running() const { return ring_.desc != nullptr; }

  // The driver has made something available. Cheap: one load.
  bool available() const;
  // The same with the index checked: CHAIN if there is something. On FAULT error() says why.
  Peek look();
  // Looks at the next chain without taking it. On FAULT nothing was taken.
  Peek peek(const MemoryMap& memory, DescriptorChain& chain);
  // The same in two steps, of which the second is one of two: the straight path, and the general one for what it leaves.
  Peek peek_head(uint16_t& head);
  bool walk_straight(uint16_t head, const MemoryMap& memory, DescriptorsRead& read, StraightChain& chain) const {
    return vhost_user_scmi::walk_straight(ring_.desc, num_, head, indirect_, memory, read, chain);
  }
  Peek walk(uint16_t head, const MemoryMap& memory, DescriptorChain& chain, const DescriptorsRead& read = {});
  // Takes the chain that was peeked.
  void take(uint16_t head);
  // Publishes a taken chain. Chains complete in the order they were taken (QEMU restarts a ring at used.idx).
  void complete(uint16_t head, uint32_t written);

  // Keeps a taken chain to be completed at some other time, under a ticket that ends with the chain or the ring.
  uint32_t ticket(uint16_t head) const { return held_.ticket(head); }
  void hold(uint16_t head) { held_.hold(head); }
  // Looks at a held chain again. EMPTY if none is held under this ticket.
  Peek peek_held(uint32_t ticket, const MemoryMap& memory, DescriptorChain& chain);
  // Publishes a held chain out of order: if the front end restarts the ring at used.idx, the wrong chains may be resent.
  void complete_held(uint16_t head, uint32_t written);

  // After completing a batch: does the driver want to be notified? To be asked once per batch.
  bool needs_signal();

  void suppress_kicks();
  // Asks for a kick at the next chain. True if a chain is available already: no kick will come for it.
  bool enable_kicks();

  const RingError& error() const { return error_; }
  // The next entry of the avail ring to take: what GET_VRING_BASE answers.
  uint16_t next_avail() const { return next_avail_; }
  // Where in the used ring the next completion goes.
  uint16_t next_used() const { return next_used_; }
  // Nothing ever happened on this ring: a new driver, not a resumed one.
  bool fresh() const { return next_avail_ == 0 && next_used_ == 0; }

 private:
  // The next chain is known without loading avail.idx.
  bool pending() const { return resubmitted_ < resubmit_.size() || seen_avail_ != next_avail_; }
  uint16_t* used_event() const { return &ring_.avail->ring[num_]; }
  uint16_t* avail_event() const { return reinterpret_cast<uint16_t*>(&ring_.used->ring[num_]); }
  Peek fail(RingFault fault, uint32_t index, uint32_t head, uint64_t address, uint64_t value);

  RingPointers ring_ = {};
  uint16_t num_ = 0;
  uint16_t next_avail_ = 0;
  // avail.idx when it was last loaded by look(): everything before it was released by the driver.
  uint16_t seen_avail_ = 0;
  uint16_t next_used_ = 0;
  // next_used_ when the last notification was decided, and whether one was since start().
  uint16_t decided_used_ = 0;
  bool decided_ = false;
  bool event_idx_ = false;
  bool indirect_ = false;
  RingError error_;
  std::bitset<QUEUE_SIZE_MAX> in_flight_;
  HeldChains held_;
  InflightQueue inflight_;
  // Heads a former process left unanswered, answered before anything new.
  std::vector<uint16_t> resubmit_;
  size_t resubmitted_ = 0;
};

// Inline: what is done for every message.

inline Peek Virtqueue::peek_head(uint16_t& head) {
  if (!pending()) {
    if (const Peek seen = look(); seen != Peek::CHAIN) return seen;
  }
  if (resubmitted_ < resubmit_.size()) {
    head = resubmit_[resubmitted_];
    return Peek::CHAIN;
  }
  // num is a power of two, so the index wraps with the mask.
  const uint16_t slot = next_avail_ & (num_ - 1);
  head = load(&ring_.avail->ring[slot]);
  if (head >= num_) return fail(RingFault::HEAD_OUT_OF_RANGE, slot, head, 0, num_);
  if (in_flight_.test(head)) return fail(RingFault::HEAD_IN_FLIGHT, slot, head, 0, 0);
  return Peek::CHAIN;
}

inline void Virtqueue::take(uint16_t head) {
  in_flight_.set(head);
  if (resubmitted_ < resubmit_.size()) {
    resubmitted_++;
  } else {
    next_avail_++;
  }
  if (inflight_) inflight_.taken(head);
}

inline void Virtqueue::complete(uint16_t head, uint32_t written) {
  VirtqUsedElem* element = &ring_.used->ring[next_used_ & (num_ - 1)];
  store(&element->id, uint32_t{head});
  store(&element->len, written);
  if (inflight_) inflight_.completing(head);
  next_used_++;
  // Per message, not per batch: a driver that polls used.idx goes on at once.
  store_used_idx(ring_.used, next_used_);
  if (inflight_) inflight_.completed(head, next_used_);
  in_flight_.reset(head);
}

}  // namespace vhost_user_scmi
