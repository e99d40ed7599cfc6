// The event-driven floor: the simplest back end that a C programmer would write. One thread and epoll; it reads the ring
// only after a kick, gives a fixed answer, and checks nothing that a guest says. Not for real guests.
#pragma once

#include <string>
#include <vector>

#include "command.h"

namespace vhost_user_scmi::bench {

// Listens on all of them, says "ready" on stdout, and serves until it is killed.
[[noreturn]] void serve_epoll_floor(const std::vector<std::string>& paths, const ConstantAnswers& answers);

}  // namespace vhost_user_scmi::bench
