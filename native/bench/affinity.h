// Which cores processes run on, while this object lives; put back by it, or when this process exits.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <vector>

namespace vhost_user_scmi::bench {

class Affinity {
 public:
  ~Affinity() { restore(); }

  // Puts all threads of a process on the `index`-th of the cores that this process may use.
  void pin(pid_t process, unsigned index);

 private:
  struct Before {
    pid_t thread;
    cpu_set_t cores;
  };

  void restore();

  std::vector<Before> before_;
};

}  // namespace vhost_user_scmi::bench
