#include "pump.h"

#include <time.h>

#include <algorithm>

namespace vhost_user_scmi {
namespace {

// A visit's share of the event loop. Measured: 200 us to 1 ms keep timers and sockets within a few milliseconds.
constexpr uint64_t VISIT_NS = 500'000;
// After a watch that found nothing; doubled each time.
constexpr uint64_t PAUSE_MIN_NS = 500'000;
constexpr uint64_t PAUSE_MAX_NS = 32'000'000;
// Looks at the ring per look at the clock.
constexpr int LOOKS = 16;

uint64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Pump::Next Pump::visit() {
  now_ns_ = monotonic_ns();
  const uint64_t deadline = now_ns_ + VISIT_NS;
  if (session_.running(CMDQ)) session_.queue(CMDQ).suppress_kicks();
  // serve() may stop the ring.
  while (session_.running(CMDQ)) {
    Virtqueue& queue = session_.queue(CMDQ);
    if (!queue.available()) {
      if (now_ns_ < watch_until_ns_) {
        if (watch(std::min(watch_until_ns_, deadline))) {
          pause_ns_ = 0;
        } else if (now_ns_ < watch_until_ns_) {
          return Next::CONTINUE;
        } else {
          pause_ns_ = std::clamp(pause_ns_ * 2, PAUSE_MIN_NS, PAUSE_MAX_NS);
          no_watch_before_ns_ = now_ns_ + pause_ns_;
        }
        continue;
      }
      const bool more = queue.enable_kicks();
      // An empty ring may be one whose file was cut off: its zeros look like nothing to do.
      session_.check_memory();
      if (!more || !session_.running(CMDQ)) return Next::SLEEP;
      queue.suppress_kicks();
    }
    if (!serve()) return Next::CONTINUE;
    watch_until_ns_ = now_ns_ >= no_watch_before_ns_ ? now_ns_ + watch_ns_ : 0;
    if (now_ns_ >= deadline) return Next::CONTINUE;
  }
  return Next::SLEEP;
}

// One batch. False if the handler wants the visit to end.
bool Pump::serve() {
  const uint64_t taken_ns = now_ns_;
  Virtqueue& queue = session_.queue(CMDQ);
  const Batch::Taken taken = batch_.take(queue, session_.memory());
  bool answered = true;
  if (taken.count > 0) {
    batch_.shared()->header.times[TIME_TAKEN] = static_cast<double>(taken_ns) / 1000;
    answered = handler_.answer(taken.count);
    // What was read may have been the zeros of a truncated file: then it is not answered.
    session_.check_memory();
    if (!session_.running(CMDQ)) return answered;
    batch_.publish(queue);
  }
  now_ns_ = monotonic_ns();
  if (taken.count > 0) {
    auto& header = batch_.shared()->header;
    header.times[TIME_SERVICE] = static_cast<double>(now_ns_ - taken_ns);
    header.words[HEADER_PREVIOUS_COUNT] = taken.count;
  }
  if (taken.count > 0 || taken.returned) session_.signal(CMDQ);
  session_.check_memory();
  if (taken.fault) session_.fault(CMDQ);
  return answered;
}

// True as soon as something is available; false at the limit.
bool Pump::watch(uint64_t limit_ns) {
  const Virtqueue& queue = session_.queue(CMDQ);
  for (;;) {
    for (int i = 0; i < LOOKS; i++) {
      if (queue.available()) {
        now_ns_ = monotonic_ns();
        return true;
      }
      relax();
    }
    now_ns_ = monotonic_ns();
    if (now_ns_ >= limit_ns) return false;
  }
}

}  // namespace vhost_user_scmi
