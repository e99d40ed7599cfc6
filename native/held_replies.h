// Replies that come after their batch was published, in any order or never, as from a misbehaving platform. A chain whose
// entry says WRITTEN_LATER stays with the device until its reply is given here.
//
// Only the ticket of a held chain is kept. The chain is walked and checked again when its reply comes, because the driver
// or the memory map may have changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "descriptor_chain.h"
#include "session.h"

namespace vhost_user_scmi {

class HeldReplies {
 public:
  explicit HeldReplies(Session& session) : session_(session) {}

  // Writes as many of the bytes as there is room for, publishes the chain and signals. `used_len` is what the driver is
  // told instead of that number. False if no such chain is held any more: completed, or its ring stopped meanwhile.
  bool complete(uint32_t ticket, const uint8_t* bytes, size_t size, std::optional<uint32_t> used_len);

 private:
  uint32_t write(const uint8_t* bytes, size_t size);

  Session& session_;
  DescriptorChain chain_;
};

}  // namespace vhost_user_scmi
