// What the fuzz target `chain` has compared since the process started.
#pragma once

#include <cstdint>

namespace vhost_user_scmi::fuzz {

struct Counts {
  uint64_t chains;
  // Of these: those that the straight path took, and those that broke a rule.
  uint64_t straight;
  uint64_t faults;
};
Counts counts();

}  // namespace vhost_user_scmi::fuzz
