// The two floors in C++, beside which a device is measured: the simplest back ends that a C programmer would write.
#pragma once

#include <string>
#include <vector>

#include "command.h"

namespace vhost_user_scmi::bench {

// The event loop: sleeps in epoll, and reads a ring only after a kick. The busy loop: looks at the rings all the time, which no
// back end of this design can beat. Both listen on all paths, say "ready" on stdout, and serve until they are killed.
[[noreturn]] void serve_event_loop(const std::vector<std::string>& paths, const ConstantAnswers& answers);
[[noreturn]] void serve_busy_loop(const std::vector<std::string>& paths, const ConstantAnswers& answers);

}  // namespace vhost_user_scmi::bench
