#include "held_replies.h"

#include <algorithm>
#include <cstring>

namespace vhost_user_scmi {

bool HeldReplies::complete(uint32_t ticket, const uint8_t* bytes, size_t size, std::optional<uint32_t> used_len) {
  if (!session_.running(CMDQ)) return false;
  Virtqueue& queue = session_.queue(CMDQ);
  const Peek peek = queue.peek_held(ticket, session_.memory(), chain_);
  if (peek == Peek::FAULT) session_.fault(CMDQ);
  if (peek != Peek::CHAIN) return false;
  const uint32_t written = write(bytes, size);
  // The walk may have read the zeros of a truncated file.
  session_.check_memory();
  if (!session_.running(CMDQ)) return false;
  queue.complete_held(chain_.head(), used_len.value_or(written));
  session_.signal(CMDQ);
  session_.check_memory();
  return true;
}

uint32_t HeldReplies::write(const uint8_t* bytes, size_t size) {
  size_t written = 0;
  for (const Piece& piece : chain_.writable()) {
    const size_t length = std::min<size_t>(piece.length, size - written);
    // memmove: nobody keeps JavaScript from giving bytes of the guest's own memory.
    if (length > 0) std::memmove(piece.host, bytes + written, length);
    written += length;
  }
  return static_cast<uint32_t>(written);
}

}  // namespace vhost_user_scmi
