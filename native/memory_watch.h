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

// How often to look, so that looking takes at most a hundredth of a processor, whatever a wake-up costs on this machine.
class LookRate {
 public:
  void set(uint64_t ms) {
    wanted_ms_ = ms_ = ms;
    looks_ = 0;
  }
  // The interval in force; 0: nobody looks.
  uint64_t ms() const { return ms_; }
  // A look begins, `cpu_ns` of this thread's processor time after its start. `rested`: the thread has done nothing but wait
  // since the last one. Looks cost nothing while it works anyway.
  void looked(uint64_t cpu_ns, bool rested);

 private:
  // Looks after which the interval is chosen anew.
  static constexpr uint32_t LOOKS = 32;

  uint64_t cost_ns() const;

  uint64_t wanted_ms_ = 0;
  uint64_t ms_ = 0;
  uint64_t looked_cpu_ns_ = 0;
  // Processor time from one look to the next, wake-up included.
  uint64_t costs_ns_[LOOKS] = {};
  uint32_t looks_ = 0;
};

}  // namespace vhost_user_scmi
