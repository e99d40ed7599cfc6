// The event-driven floor: the simplest back end that a C programmer would write. One thread, epoll, no look at the ring
// but after a kick, a fixed answer, and nothing that a guest says is checked. Not to be given to a real guest.
#pragma once

#include <string>
#include <vector>

#include "command.h"

namespace vhost_user_scmi::bench {

// Listens on all of them, says "ready" on stdout, and serves until it is killed.
[[noreturn]] void serve_epoll_floor(const std::vector<std::string>& paths, const ConstantAnswers& answers);

}  // namespace vhost_user_scmi::bench
