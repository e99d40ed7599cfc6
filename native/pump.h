// When to look at the command queue, and for how long: one visit takes batches, has them answered, publishes them, and
// watches the ring a little longer before it asks for kicks again. Knows time and the ring, not the event loop.
//
// Watching pays because a driver that waits for an answer sends the next message within microseconds, and a wake-up
// costs tens of them. A watch that finds nothing is not repeated for a while, so that a driver which shares our core
// is not starved by it.
#pragma once

#include <cstdint>

#include "batch.h"
#include "session.h"

namespace vhost_user_scmi {

class BatchHandler {
 public:
  // Answers entries 0..count-1. False if something went wrong and the visit should end; the batch is published anyway.
  virtual bool answer(uint32_t count) = 0;

 protected:
  ~BatchHandler() = default;
};

class Pump {
 public:
  // `watch_ns`: how long to watch after work; 0 never watches.
  Pump(Session& session, Batch& batch, BatchHandler& handler, uint64_t watch_ns)
      : session_(session), batch_(batch), handler_(handler), watch_ns_(watch_ns) {}

  enum class Next : uint8_t {
    SLEEP,     // kicks are asked for; come back when one comes
    CONTINUE,  // kicks are suppressed; come back after everybody else had a turn
  };
  // Bounded in time, whatever the driver does.
  Next visit();

 private:
  bool serve();
  bool watch(uint64_t limit_ns);

  Session& session_;
  Batch& batch_;
  BatchHandler& handler_;
  const uint64_t watch_ns_;
  uint64_t now_ns_ = 0;
  uint64_t watch_until_ns_ = 0;
  uint64_t pause_ns_ = 0;
  uint64_t no_watch_before_ns_ = 0;
};

}  // namespace vhost_user_scmi
