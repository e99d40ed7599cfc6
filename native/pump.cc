#include "pump.h"

#include <algorithm>
#include <utility>

#include "clock.h"

namespace vhost_user_scmi {
namespace {

// A visit's share of the event loop. Measured: 200 us to 1 ms keep timers and sockets within a few milliseconds.
constexpr uint64_t VISIT_NS = 500'000;
// After a watch that found nothing; doubled each time. The first is short: with a driver that sends without a break, a miss is
// an accident, and each message of the pause costs a wake-up.
constexpr uint64_t PAUSE_MIN_NS = 100'000;
constexpr uint64_t PAUSE_MAX_NS = 32'000'000;
// The share while another guest waits, as long as 70 cheap messages take. Measured: with four busy guests a share of 60 us
// gives at most 3 % more messages in all, but beside expensive messages a guest that sends one at a time waits up to twice
// as long.
constexpr uint64_t SHARED_VISIT_NS = 20'000;
// Messages in one batch then, however cheap the last ones were: the next may be the most expensive ones.
constexpr uint32_t SHARED_BATCH = 64;
// Of the cost of the most expensive batch, this part is forgotten with each later one. A guest that sends expensive messages
// after many cheap ones gets short batches for all of them.
constexpr uint64_t FORGOTTEN = 16;
// A driver that sleeps until its first answer is still awake while it sends. Waking it up costs more than all the messages,
// so it must get that answer early: the first batch is short, and each further one this many times as long. Measured with
// a sleeping front end on a core of its own: 3 to 5 times the rate at depth 16, 1.3 times at depth 128.
constexpr uint32_t FIRST_BATCH = 4;
constexpr uint32_t BATCH_GROWTH = 4;
// Short batches only cost if the driver never sleeps: they end after this many findings without a signal.
constexpr uint32_t FINDINGS = 64;
// Looks at the ring per look at the clock and at the other rings: less than a microsecond.
constexpr int LOOKS = 16;
// Longer between two looks at the clock: another thread ran on our core.
constexpr uint64_t OFF_CORE_NS = 10'000;

// Those of this thread: its event loop is theirs to share.
thread_local std::vector<Pump*> pumps_of_thread;

}  // namespace

Pump::Pump(Session& session, Batch& batch, BatchHandler& handler, Histogram& latencies, const WatchOptions& options)
    : session_(session),
      batch_(batch),
      handler_(handler),
      latencies_(latencies),
      options_(options),
      pumps_(pumps_of_thread) {
  pumps_.push_back(this);
}

Pump::~Pump() { std::erase(pumps_, this); }

Pump::Next Pump::visit() {
  now_ns_ = began_ns_ = monotonic_ns();
  then_ = Next::CONTINUE;  // if the handler returns early
  if (session_.running(CMDQ)) session_.queue(CMDQ).suppress_kicks();
  if (const uint32_t count = next()) handler_.answer(count);
  if (in_work_) finish();
  return then_;
}

uint32_t Pump::next() {
  for (;;) {
    if (in_work_ && finish()) return end(Next::CONTINUE);
    if (!session_.running(CMDQ)) return end(Next::SLEEP);
    Virtqueue& queue = session_.queue(CMDQ);
    if (!queue.available()) {
      if (now_ns_ < watch_until_ns_) {
        if (watch() == Watch::INTERRUPTED) return end(Next::CONTINUE);
        continue;
      }
      const bool more = queue.enable_kicks();
      // A truncated file reads as zeros, so a ring in it looks empty.
      session_.check_memory();
      if (!more || !session_.running(CMDQ)) return end(Next::SLEEP);
      queue.suppress_kicks();
    }
    take();
    if (taken_.count > 0) return taken_.count;
  }
}

uint32_t Pump::end(Next next) {
  then_ = next;
  return 0;
}

void Pump::take() {
  taken_ns_ = now_ns_;
  const bool is_alone = alone();
  const uint32_t limit = affordable(is_alone);
  taken_ = batch_.take(session_.queue(CMDQ), session_.memory(), std::min(batch_max_, limit));
  cut_short_ = !is_alone && limit < batch_max_ && taken_.count == limit;
  batch_max_ = std::min(batch_max_ * BATCH_GROWTH, BATCH_MAX);
  batch_.shared()->header.times[TIME_TAKEN] = static_cast<double>(taken_ns_) / 1000;
  in_work_ = true;
}

// Messages that take no longer than a visit may, if they cost what former ones did: the most expensive of late. For a guest by
// itself the cheaper of the last two batches counts: one during which another process ran would shorten the next for nothing.
uint32_t Pump::affordable(bool is_alone) const {
  const uint64_t share_ns = is_alone ? VISIT_NS : SHARED_VISIT_NS;
  const uint32_t most = is_alone ? BATCH_MAX : SHARED_BATCH;
  const uint64_t cost_ns = is_alone ? std::min(message_ns_, message_before_ns_) : most_ns_;
  if (cost_ns * most <= share_ns) return most;  // as a rule, and without a division
  return static_cast<uint32_t>(std::max<uint64_t>(share_ns / cost_ns, 1));
}

// Publishes what was taken. True if it is somebody else's turn.
bool Pump::finish() {
  in_work_ = false;
  // Messages from a truncated file are zeros, and not answered.
  session_.check_memory();
  if (!session_.running(CMDQ)) return false;
  batch_.publish(session_.queue(CMDQ));
  now_ns_ = monotonic_ns();
  if (taken_.count > 0) {
    const uint64_t service_ns = now_ns_ - taken_ns_;
    message_before_ns_ = std::exchange(message_ns_, taken_.count == 1 ? service_ns : service_ns / taken_.count);
    most_ns_ = std::max(message_ns_, most_ns_ - most_ns_ / FORGOTTEN);
    auto& header = batch_.shared()->header;
    header.times[TIME_SERVICE] = static_cast<double>(service_ns);
    header.words[HEADER_PREVIOUS_COUNT] = taken_.count;
    latencies_.record(service_ns, taken_.count);
  }
  const uint64_t visited_ns = now_ns_ - began_ns_;
  const bool leaves = visited_ns >= VISIT_NS || (visited_ns >= SHARED_VISIT_NS && others_wait());
  owes_signal_ |= taken_.count > 0 || taken_.returned;
  // The rest of a batch that was cut short follows at once: one signal for all of it.
  const bool goes_on = cut_short_ && !leaves && !taken_.fault && session_.queue(CMDQ).available();
  if (!goes_on && std::exchange(owes_signal_, false) && session_.signal(CMDQ)) {
    short_findings_ = FINDINGS;
    // Signalling took time, and the driver may have run on this core meanwhile: the next batch must not count that as latency.
    now_ns_ = monotonic_ns();
  }
  session_.check_memory();
  if (taken_.fault) session_.fault(CMDQ);
  watch_until_ns_ = now_ns_ >= no_watch_before_ns_ ? now_ns_ + options_.ns : 0;
  return leaves;
}

// Until something is available, the time is over, or it is somebody else's turn.
Pump::Watch Pump::watch() {
  const Virtqueue& queue = session_.queue(CMDQ);
  do {
    if (now_ns_ - began_ns_ >= VISIT_NS || others_wait()) return Watch::INTERRUPTED;
    for (int i = 0; i < LOOKS; i++) {
      if (queue.available()) {
        const uint64_t before_ns = std::exchange(now_ns_, monotonic_ns());
        // A driver that could only send while we were off the core runs on it as well: watching does not pay.
        if (now_ns_ - before_ns < OFF_CORE_NS) pause_ns_ = 0;
        if (short_findings_ > 0) {
          short_findings_--;
          batch_max_ = FIRST_BATCH;
        }
        return Watch::FOUND;
      }
      relax();
    }
    now_ns_ = monotonic_ns();
  } while (now_ns_ < watch_until_ns_);
  if (options_.backs_off) {
    pause_ns_ = std::clamp(pause_ns_ * 2, PAUSE_MIN_NS, PAUSE_MAX_NS);
    no_watch_before_ns_ = now_ns_ + pause_ns_;
  }
  return Watch::NOTHING;
}

bool Pump::alone() const {
  return std::none_of(pumps_.begin(), pumps_.end(),
                      [this](const Pump* pump) { return pump != this && pump->session_.running(CMDQ); });
}

// Another guest has sent something, whether or not its kick has been seen.
bool Pump::others_wait() const {
  return std::any_of(pumps_.begin(), pumps_.end(), [this](const Pump* pump) {
    return pump != this && pump->session_.running(CMDQ) && pump->session_.queue(CMDQ).available();
  });
}

}  // namespace vhost_user_scmi
