#include "event_buffers.h"

#include <utility>

namespace vhost_user_scmi {

int64_t EventBuffers::peek() {
  peeked_ = false;
  if (!session_.running(EVENTQ)) return -1;
  Virtqueue& queue = session_.queue(EVENTQ);
  bool returned = false;
  Peek peek = queue.look();
  if (peek == Peek::CHAIN) peek = batch_.peek_event(queue, session_.memory(), returned);
  if (returned) session_.signal(EVENTQ);
  session_.check_memory();
  if (peek == Peek::FAULT) session_.fault(EVENTQ);
  if (!session_.running(EVENTQ)) return -1;
  if (peek == Peek::CHAIN) {
    peeked_ = true;
    peeked_generation_ = session_.generation();
    return batch_.event_capacity();
  }
  // A buffer came meanwhile, or there were more useless buffers than one look may walk: look again later.
  if (queue.enable_kicks()) session_.announce_event_buffers();
  return -1;
}

bool EventBuffers::commit(uint32_t written) {
  if (!std::exchange(peeked_, false) || peeked_generation_ != session_.generation()) return false;
  Virtqueue& queue = session_.queue(EVENTQ);
  batch_.commit_event(queue, written);
  session_.signal(EVENTQ);
  // The next kick comes when this queue, once empty, has a buffer again. Buffers available now need no kick: the next
  // peek() finds them.
  queue.enable_kicks();
  session_.check_memory();
  return true;
}

}  // namespace vhost_user_scmi
