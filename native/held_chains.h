// Which chains of a ring were taken but not published with their batch, each under a ticket. A head is used over and
// over, so the ticket counts how often it was held: a late answer can't reach a later chain that has the same head.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>

#include "descriptor_chain.h"

namespace vhost_user_scmi {

class HeldChains {
 public:
  // The ticket that the chain with this head would get, or has.
  uint32_t ticket(uint16_t head) const { return uint32_t{times_[head]} << 16 | head; }

  void hold(uint16_t head) { held_.set(head); }

  // The head of the chain that is held under this ticket.
  std::optional<uint16_t> find(uint32_t ticket) const {
    const auto head = static_cast<uint16_t>(ticket);
    if (head >= QUEUE_SIZE_MAX || !held_.test(head) || this->ticket(head) != ticket) return std::nullopt;
    return head;
  }

  void release(uint16_t head) {
    held_.reset(head);
    times_[head]++;
  }

  void clear() {
    for (uint16_t head = 0; held_.any() && head < QUEUE_SIZE_MAX; head++) {
      if (held_.test(head)) release(head);
    }
  }

 private:
  std::bitset<QUEUE_SIZE_MAX> held_;
  std::array<uint16_t, QUEUE_SIZE_MAX> times_ = {};
};

}  // namespace vhost_user_scmi
