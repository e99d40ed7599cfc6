// One measurement: guests that keep their queues full for a while, spinning or sleeping; the result is one line of JSON on
// stdout.
//
// Guests that sleep have a thread each, as they have in life: one thread for all of them would not sleep until the last of them
// has been answered, and would serve them in its own order. Guests that spin share a thread, which looks at all of them in
// turn. With a thread each they would compete for cores, and the scheduler's slices of milliseconds would be measured; this
// way every guest has work for the device all the time, and what each gets is what the device gives it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "driver.h"

namespace vhost_user_scmi::bench {

enum class Cores : uint8_t {
  FREE,   // wherever the scheduler puts them
  ONE,    // front end and back end on the same core
  APART,  // on two different cores
};

struct MeasureOptions {
  // One guest each.
  std::vector<std::string> sockets;
  std::vector<Command> commands;
  DriverOptions driver;
  // 0: only the first answers are asked for.
  uint32_t measure_ms = 0;
  uint32_t warmup_ms = 0;
  // How long the front end looks for answers before it sleeps.
  uint32_t spin_us = 0;
  // A back end that answers nothing for this long hangs.
  uint32_t limit_ms = 2000;
  Cores cores = Cores::FREE;
};

void measure(const MeasureOptions& options);

}  // namespace vhost_user_scmi::bench
