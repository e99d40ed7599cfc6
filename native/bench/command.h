// The commands a benchmark sends, and the answers that the floors give: words, whose meaning TypeScript knows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vhost_user_scmi::bench {

// The header word without its token (SCMI v3.2 §4.1.2: bits 27:18).
inline constexpr uint32_t TOKEN_SHIFT = 18;
inline constexpr uint32_t TOKEN_MASK = 0x3ff << TOKEN_SHIFT;

// What Linux' driver posts for a reply: 128 bytes, header and status.
inline constexpr uint32_t REPLY_CAPACITY = 136;
inline constexpr uint32_t REPLY_WORDS = REPLY_CAPACITY / sizeof(uint32_t);

// A message as words, the header first.
struct Words {
  uint32_t count = 0;
  uint32_t word[REPLY_WORDS] = {};
};

// Reads "word,word,…" in any base strtoul knows. False if that is not what `text` is.
bool parse_words(const char* text, Words& out);

// Replies by their header without token.
class ConstantAnswers {
 public:
  void add(const Words& reply) { replies_.push_back(reply); }

  // Writes the reply to the request with this header; returns its bytes, 0 if there is none or it does not fit.
  uint32_t write(uint32_t header, uint8_t* to, uint32_t capacity) const {
    for (const Words& reply : replies_) {
      if (reply.word[0] != (header & ~TOKEN_MASK)) continue;
      const uint32_t bytes = reply.count * sizeof(uint32_t);
      if (bytes > capacity) return 0;
      auto* words = reinterpret_cast<uint32_t*>(to);
      words[0] = header;
      for (uint32_t i = 1; i < reply.count; i++) words[i] = reply.word[i];
      return bytes;
    }
    return 0;
  }

 private:
  std::vector<Words> replies_;
};

}  // namespace vhost_user_scmi::bench
