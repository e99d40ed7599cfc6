// One measurement: guests that keep their queues full for a while, on one thread, spinning or sleeping; the result is
// one line of JSON on stdout.
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
