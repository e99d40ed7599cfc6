// printf into a std::string: refusals and faults are sentences with numbers in them, and gcc 12 has no std::format.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <string>

namespace vhost_user_scmi {

[[gnu::format(printf, 1, 2)]] inline std::string text(const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return buffer;
}

}  // namespace vhost_user_scmi
