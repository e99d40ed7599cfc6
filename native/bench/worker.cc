#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "../clock.h"
#include "fail.h"

namespace vhost_user_scmi::bench {
namespace {

// Looks at the rings per look at the clock.
constexpr int LOOKS = 16;

volatile sig_atomic_t signalled = 0;

}  // namespace

bool interrupted() { return signalled != 0; }

void catch_signals() {
  for (const int name : {SIGINT, SIGTERM, SIGHUP}) signal(name, [](int) { signalled = 1; });
}

Guest::Guest(const std::string& path, const MeasureOptions& options, Histogram& latencies)
    : front_end(path, options.limit_ms), driver(options.driver, options.commands, latencies) {
  const uint64_t features = (options.driver.indirect ? feature_bit(VIRTIO_F_INDIRECT_DESC) : 0) |
                            (options.driver.event_idx ? feature_bit(VIRTIO_F_EVENT_IDX) : 0);
  front_end.negotiate(features);
  front_end.share_memory(driver.region(), driver.file());
  front_end.start(driver.ring());
}

Worker::Worker(const MeasureOptions& options, std::span<const std::string> sockets)
    : options_(options), sockets_(sockets) {
  for (const std::string& path : sockets) {
    guests_.push_back(std::make_unique<Guest>(path, options, latencies_));
    waits_.push_back({.fd = guests_.back()->driver.call(), .events = POLLIN, .revents = 0});
  }
  // Checked after the calls: nothing else tells that a back end gave up.
  for (const auto& guest : guests_) waits_.push_back({guest->driver.error(), POLLIN, 0});
  for (const auto& guest : guests_) waits_.push_back({guest->front_end.socket(), POLLIN, 0});
}

void Worker::ask_once() {
  for (uint32_t command = 0; command < options_.commands.size(); command++) {
    for (const auto& guest : guests_) guest->driver.send_one(command);
    work([this] { return in_flight() == 0; });
  }
}

void Worker::run(const std::atomic<Phase>& phase) {
  for (const auto& guest : guests_) guest->driver.fill();
  const auto is_over = [&phase](Phase now) {
    return [&phase, now] { return phase.load(std::memory_order_relaxed) != now; };
  };
  work(is_over(Phase::WARM_UP));
  latencies_.clear();
  sleeps_ = 0;
  work(is_over(Phase::MEASURE));
  // No answer may be missing at the end.
  for (const auto& guest : guests_) guest->driver.drain();
  if (in_flight() > 0) work([this] { return in_flight() == 0; });
}

uint64_t Worker::in_flight() const {
  uint64_t sum = 0;
  for (const auto& guest : guests_) sum += guest->driver.in_flight();
  return sum;
}

template <typename Done>
void Worker::work(Done done) {
  uint64_t worked_ns = monotonic_ns();
  for (const auto& guest : guests_) guest->driver.disarm();
  for (int looks = 0;;) {
    if (interrupted()) leave(130);
    if (const uint64_t now_ns = look()) {
      worked_ns = now_ns;
      if (done()) return;
      if (options_.spin_us > 0) continue;
    }
    if (options_.spin_us > 0) {
      relax();
      if (++looks % LOOKS != 0 || monotonic_ns() - worked_ns < uint64_t{options_.spin_us} * 1000) continue;
    }
    sleep();
    worked_ns = monotonic_ns();
  }
}

// At every guest, beginning with any: in a fixed order, some guests could profit from the order in which the device visits them.
// Returns the time, 0 if nothing was answered.
uint64_t Worker::look() {
  const size_t count = guests_.size();
  const size_t first = count == 1 ? 0 : random_() % count;
  uint64_t now_ns = 0;
  for (size_t i = first; i < count; i++) now_ns = std::max(now_ns, guests_[i]->driver.turn());
  for (size_t i = 0; i < first; i++) now_ns = std::max(now_ns, guests_[i]->driver.turn());
  return now_ns;
}

// Until something was answered.
void Worker::sleep() {
  bool answered = false;
  for (const auto& guest : guests_) answered |= guest->driver.arm();
  if (!answered) {
    sleeps_++;
    const int ready = poll(waits_.data(), waits_.size(), static_cast<int>(options_.limit_ms));
    if (ready < 0 && errno != EINTR) fail("waiting for answers failed: %s", strerror(errno));
    if (ready == 0) {
      fail("the back end has answered nothing for %u ms; %" PRIu64 " commands are in flight", options_.limit_ms,
           in_flight());
    }
    if (ready > 0) look_at_descriptors();
  }
  for (const auto& guest : guests_) guest->driver.disarm();
}

void Worker::look_at_descriptors() const {
  const size_t count = guests_.size();
  for (size_t i = 0; i < count; i++) {
    const char* path = sockets_[i].c_str();
    if (waits_[2 * count + i].revents != 0) fail("%s: the back end closed the connection", path);
    if (waits_[count + i].revents != 0) fail("%s: the back end stopped the queue: it says the driver is wrong", path);
    uint64_t signals;
    if (waits_[i].revents != 0 && read(waits_[i].fd, &signals, sizeof signals) < 0 && errno != EAGAIN) {
      fail("%s: the call descriptor can't be read: %s", path, strerror(errno));
    }
  }
}

}  // namespace vhost_user_scmi::bench
