// The event queue's buffers, one at a time: peek at the next, then fill and return it. None is taken in between, so a front
// end that stops the ring gets the index of the first unused one.
#pragma once

#include <cstdint>

#include "batch.h"
#include "session.h"

namespace vhost_user_scmi {

class EventBuffers {
 public:
  EventBuffers(Session& session, Batch& batch) : session_(session), batch_(batch) {}

  // Fills the batch's last entry. The buffer's capacity, or -1: none is available, or the queue does not run.
  int64_t peek();
  // Returns the buffer that peek() showed to the driver. False if there is none, or the ring was stopped since.
  bool commit(uint32_t written);

 private:
  Session& session_;
  Batch& batch_;
  bool peeked_ = false;
  uint64_t peeked_generation_ = 0;
};

}  // namespace vhost_user_scmi
