// What a driver can do wrong to a split ring, one value per rule, with the numbers that prove it. "End of chain" is not
// among them: a short chain and a corrupt chain are different results.
#pragma once

#include <cstdint>
#include <string>

namespace vhost_user_scmi {

enum class RingFault : uint8_t {
  NONE,
  BASE_TOO_FAR,
  AVAIL_IDX_JUMP,
  HEAD_OUT_OF_RANGE,
  HEAD_IN_FLIGHT,
  NEXT_OUT_OF_RANGE,
  CHAIN_TOO_LONG,
  CHAIN_TOO_LARGE,
  NOT_GUEST_MEMORY,
  INDIRECT_NOT_NEGOTIATED,
  INDIRECT_WITH_NEXT,
  INDIRECT_NESTED,
  INDIRECT_BAD_LENGTH,
  INDIRECT_NOT_GUEST_MEMORY,
};

struct RingError {
  RingFault fault = RingFault::NONE;
  // The descriptor or ring index at fault; `indirect` if it is one of an indirect table.
  uint32_t index = 0;
  // The chain's first descriptor.
  uint32_t head = 0;
  uint64_t address = 0;
  // Length, limit or other end of the comparison, as the fault's sentence says.
  uint64_t value = 0;
  bool indirect = false;

  explicit operator bool() const { return fault != RingFault::NONE; }
};

// One sentence, without a full stop.
std::string describe(const RingError& error, unsigned queue);

}  // namespace vhost_user_scmi
