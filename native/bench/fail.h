// Ends the process with one line on stderr and exit status 1.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace vhost_user_scmi::bench {

[[noreturn, gnu::format(printf, 1, 2)]] inline void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

}  // namespace vhost_user_scmi::bench
