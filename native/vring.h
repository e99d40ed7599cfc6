// One ring as the front end set it up (vhost-user, "Ring states"): descriptors, raw addresses, the flags, and the
// virtqueue that runs once all of it is there. Keeps what was said; session.cc decides what follows.
#pragma once

#include <cstdint>

#include "fd.h"
#include "refusal.h"
#include "vhost_user.h"
#include "virtqueue.h"

namespace vhost_user_scmi {

struct Vring {
  uint16_t num = 0;
  bool has_address = false;
  bool has_base = false;
  // Set by SET_VRING_KICK, with or without a descriptor; cleared by GET_VRING_BASE.
  bool started = false;
  bool enabled = false;
  // Stopped because the driver broke a rule, until GET_VRING_BASE.
  bool faulted = false;
  // Where the ring goes on when it starts: SET_VRING_BASE, then wherever it was stopped.
  uint16_t base = 0;
  VhostUserVringAddr address = {};
  Fd kick;
  Fd call;
  Fd err;
  Virtqueue queue;

  // Front ends send these in many orders, so a ring runs when the last of them has come.
  bool complete() const { return num != 0 && has_address && has_base && started && enabled && !faulted; }
};

// Finds the parts of a ring of `num` entries in memory. Refused unless each of the three lies whole in one region, aligned.
Refusal resolve(const VhostUserVringAddr& address, uint32_t num, const MemoryMap& memory, RingPointers& ring);

// Adds 1 to an eventfd. Never blocks: the descriptor is non-blocking, and a full counter has been seen by nobody yet.
void signal_event(const Fd& fd);

}  // namespace vhost_user_scmi
