// Ways out of the process, for any of its threads.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace vhost_user_scmi::bench {

// Only one thread may call exit(), and says why. The others stop here.
inline void claim_exit() {
  static std::mutex claimed;
  claimed.lock();
}

[[noreturn]] inline void leave(int status) {
  claim_exit();
  exit(status);
}

// With one line on stderr, and exit status 1.
[[noreturn, gnu::format(printf, 1, 2)]] inline void fail(const char* format, ...) {
  claim_exit();
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

}  // namespace vhost_user_scmi::bench
