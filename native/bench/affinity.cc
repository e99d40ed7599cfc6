#include "affinity.h"

#include <dirent.h>
#include <errno.h>

#include <cstdlib>
#include <cstring>

#include "../text.h"
#include "fail.h"

namespace vhost_user_scmi::bench {

void Affinity::pin(pid_t process, unsigned index) {
  static const cpu_set_t usable = [] {
    cpu_set_t cores;
    sched_getaffinity(0, sizeof cores, &cores);
    return cores;
  }();
  int core = -1;
  for (int i = 0; i < CPU_SETSIZE && core < 0; i++) {
    if (CPU_ISSET(i, &usable) && index-- == 0) core = i;
  }
  if (core < 0) fail("there are only %d cores", CPU_COUNT(&usable));
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);

  DIR* threads = opendir(text("/proc/%d/task", process).c_str());
  if (threads == nullptr) fail("process %d can't be put on a core: %s", process, strerror(errno));
  while (const dirent* entry = readdir(threads)) {
    const pid_t thread = atoi(entry->d_name);
    Before before = {thread, {}};
    if (thread == 0 || sched_getaffinity(thread, sizeof before.cores, &before.cores) != 0) continue;
    if (sched_setaffinity(thread, sizeof one, &one) != 0) {
      fail("process %d can't be put on core %d: %s", process, core, strerror(errno));
    }
    before_.push_back(before);
  }
  closedir(threads);
}

void Affinity::restore() {
  for (const Before& before : before_) sched_setaffinity(before.thread, sizeof before.cores, &before.cores);
  before_.clear();
}

}  // namespace vhost_user_scmi::bench
