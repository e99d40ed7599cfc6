// A piece of guest memory that the guest writes without telling: doorbells, and words behind them that have none. The event
// loop looks at regular times, so that JavaScript runs only when there is something.
#pragma once

#include <cstdint>
#include <vector>

#include "memory_map.h"

namespace vhost_user_scmi {

class MemoryWatch {
 public:
  // Watches `flags` bytes at the guest-physical `address`, and after them `words` bytes. All are multiples of 8.
  void set(uint64_t address, uint32_t flags, uint32_t words);

  // Whether some flag is not 0, or a word differs from the last look or from the look before that: whoever wants to see
  // two equal looks at a word gets both. False while the range is not one piece of guest memory.
  bool look(const MemoryMap& memory);

 private:
  bool words_changed(const uint8_t* words);

  uint64_t address_ = 0;
  uint32_t flags_ = 0;
  std::vector<uint64_t> last_;
  bool changed_before_ = false;
};

}  // namespace vhost_user_scmi
