#include "command.h"

#include <cerrno>
#include <cstdlib>

namespace vhost_user_scmi::bench {

bool parse_words(const char* text, Words& out) {
  out = {};
  for (;;) {
    if (out.count == REPLY_WORDS) return false;
    char* end;
    errno = 0;
    const unsigned long long word = strtoull(text, &end, 0);
    if (end == text || errno != 0 || word > UINT32_MAX) return false;
    out.word[out.count++] = static_cast<uint32_t>(word);
    if (*end == '\0') return true;
    if (*end != ',') return false;
    text = end + 1;
  }
}

}  // namespace vhost_user_scmi::bench
