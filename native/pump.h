// When to look at the command queue, and for how long: one visit takes batches, has them answered, publishes them, and
// watches the ring a little longer before it asks for kicks again. Knows time and the rings, not the event loop.
//
// Watching pays because a driver that waits for an answer sends the next message within microseconds, and a wake-up
// costs tens of them. All pumps of a thread share its event loop: none watches while another guest waits, and each works
// for a limited time.
#pragma once

#include <cstdint>
#include <vector>

#include "batch.h"
#include "histogram.h"
#include "session.h"

namespace vhost_user_scmi {

class BatchHandler {
 public:
  // Answers entries 0..count-1, and then each batch that Pump::next() gives, until it gives none. Returning before that
  // ends the visit; what was taken is published anyway.
  virtual void answer(uint32_t count) = 0;

 protected:
  ~BatchHandler() = default;
};

struct WatchOptions {
  // How long to watch after work; 0 never watches.
  uint64_t ns = 50'000;
  // After a watch that found nothing there is none for a while. Otherwise we would starve a driver that shares our core, and
  // waste time on one that rarely sends.
  bool backs_off = true;
};

class Pump {
 public:
  // `latencies` gets the time of every message, from taking to publishing it.
  Pump(Session& session, Batch& batch, BatchHandler& handler, Histogram& latencies, const WatchOptions& options);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  enum class Next : uint8_t {
    SLEEP,     // kicks are asked for; come back when one comes
    CONTINUE,  // kicks are suppressed; come back after everybody else has had a turn
  };
  // Bounded in time, whatever the driver does. Asks the handler for an answer only if there is something to answer.
  Next visit();
  // When the last visit ended, or a moment before.
  uint64_t now_ns() const { return now_ns_; }
  // No other queue of this thread runs.
  bool alone() const;
  // For the handler: publishes the last batch, watches, and takes the next one. Returns its size; 0: the visit is over.
  uint32_t next();

 private:
  enum class Watch : uint8_t { FOUND, NOTHING, INTERRUPTED };
  uint32_t end(Next next);
  void take();
  uint32_t affordable(bool is_alone) const;
  bool finish();
  Watch watch();
  bool others_wait() const;

  Session& session_;
  Batch& batch_;
  BatchHandler& handler_;
  Histogram& latencies_;
  const WatchOptions options_;
  // All of this thread, this one among them.
  std::vector<Pump*>& pumps_;
  uint64_t began_ns_ = 0;
  uint64_t now_ns_ = 0;
  uint64_t taken_ns_ = 0;
  uint32_t batch_max_ = BATCH_MAX;
  // What a message of the last batch took, and one of the batch before.
  uint64_t message_ns_ = 0;
  uint64_t message_before_ns_ = 0;
  // The same of the most expensive batch, which counts less with each later one.
  uint64_t most_ns_ = 0;
  // How many more findings begin with a short batch.
  uint32_t short_findings_ = 0;
  // From take() to finish().
  bool in_work_ = false;
  Batch::Taken taken_ = {};
  // The batch ended for the sake of other guests, not for want of messages.
  bool cut_short_ = false;
  // Something was published since the driver was last told.
  bool owes_signal_ = false;
  Next then_ = Next::SLEEP;
  uint64_t watch_until_ns_ = 0;
  uint64_t pause_ns_ = 0;
  uint64_t no_watch_before_ns_ = 0;
};

}  // namespace vhost_user_scmi
