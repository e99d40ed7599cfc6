#include "measure.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "../clock.h"
#include "affinity.h"
#include "fail.h"

namespace vhost_user_scmi::bench {
namespace {

// Looks at the rings per look at the clock.
constexpr int LOOKS = 16;

volatile sig_atomic_t interrupted = 0;

// One guest: a connection and the driver behind it.
struct Guest {
  Guest(const std::string& path, const MeasureOptions& options, Histogram& latencies)
      : front_end(path, options.limit_ms), driver(options.driver, options.commands, latencies) {
    const uint64_t features = (options.driver.indirect ? feature_bit(VIRTIO_F_INDIRECT_DESC) : 0) |
                              (options.driver.event_idx ? feature_bit(VIRTIO_F_EVENT_IDX) : 0);
    front_end.negotiate(features);
    front_end.share_memory(driver.region(), driver.file());
    front_end.start(driver.ring());
  }

  FrontEnd front_end;
  Driver driver;
};

class Measurement {
 public:
  explicit Measurement(const MeasureOptions& options);

  const std::set<pid_t>& peers() const { return peers_; }
  // Every command once: later answers are compared with these.
  void ask_once();
  void run();
  void print() const;

 private:
  // Takes and sends until `done` says so.
  template <typename Done>
  uint64_t work(Done done);
  void sleep();
  void look_at_descriptors() const;
  uint64_t back_end_cpu_ns() const;
  uint64_t taken() const;
  uint64_t in_flight() const;

  const MeasureOptions& options_;
  Histogram latencies_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::set<pid_t> peers_;
  std::vector<pollfd> waits_;

  uint64_t sleeps_ = 0;
  uint64_t messages_ = 0;
  uint64_t elapsed_ns_ = 0;
  uint64_t back_end_ns_ = 0;
  uint64_t front_end_ns_ = 0;
};

Measurement::Measurement(const MeasureOptions& options) : options_(options) {
  for (const std::string& path : options.sockets) {
    guests_.push_back(std::make_unique<Guest>(path, options, latencies_));
    peers_.insert(guests_.back()->front_end.peer());
    waits_.push_back({.fd = guests_.back()->driver.call(), .events = POLLIN, .revents = 0});
  }
  // Checked after the calls: nothing else tells that a back end gave up.
  for (const auto& guest : guests_) waits_.push_back({guest->driver.error(), POLLIN, 0});
  for (const auto& guest : guests_) waits_.push_back({guest->front_end.socket(), POLLIN, 0});
}

uint64_t Measurement::taken() const {
  uint64_t sum = 0;
  for (const auto& guest : guests_) sum += guest->driver.taken();
  return sum;
}

uint64_t Measurement::in_flight() const {
  uint64_t sum = 0;
  for (const auto& guest : guests_) sum += guest->driver.in_flight();
  return sum;
}

uint64_t Measurement::back_end_cpu_ns() const {
  uint64_t sum = 0;
  for (const pid_t peer : peers_) {
    clockid_t clock;
    if (clock_getcpuclockid(peer, &clock) == 0) sum += clock_ns(clock);
  }
  return sum;
}

template <typename Done>
uint64_t Measurement::work(Done done) {
  uint64_t worked_ns = monotonic_ns();
  for (const auto& guest : guests_) guest->driver.disarm();
  for (int looks = 0;;) {
    if (interrupted) exit(130);
    uint64_t now_ns = 0;
    for (const auto& guest : guests_) now_ns = std::max(now_ns, guest->driver.turn());
    if (now_ns != 0) {
      worked_ns = now_ns;
      if (done(now_ns)) return now_ns;
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

// Until something was answered.
void Measurement::sleep() {
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

void Measurement::look_at_descriptors() const {
  const size_t count = guests_.size();
  for (size_t i = 0; i < count; i++) {
    const char* path = options_.sockets[i].c_str();
    if (waits_[2 * count + i].revents != 0) fail("%s: the back end closed the connection", path);
    if (waits_[count + i].revents != 0) fail("%s: the back end stopped the queue: it says the driver is wrong", path);
    uint64_t signals;
    if (waits_[i].revents != 0 && read(waits_[i].fd, &signals, sizeof signals) < 0 && errno != EAGAIN) {
      fail("%s: the call descriptor can't be read: %s", path, strerror(errno));
    }
  }
}

void Measurement::ask_once() {
  for (uint32_t command = 0; command < options_.commands.size(); command++) {
    for (const auto& guest : guests_) guest->driver.send_one(command);
    work([this](uint64_t) { return in_flight() == 0; });
  }
}

void Measurement::run() {
  for (const auto& guest : guests_) guest->driver.fill();
  uint64_t until_ns = monotonic_ns() + uint64_t{options_.warmup_ms} * 1'000'000;
  const auto time_over = [&until_ns](uint64_t now_ns) { return now_ns >= until_ns; };
  uint64_t began_ns = work(time_over);

  latencies_.clear();
  const uint64_t taken_before = taken();
  sleeps_ = 0;
  const uint64_t back_end_before = back_end_cpu_ns();
  const uint64_t front_end_before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  until_ns = began_ns + uint64_t{options_.measure_ms} * 1'000'000;
  elapsed_ns_ = work(time_over) - began_ns;
  back_end_ns_ = back_end_cpu_ns() - back_end_before;
  front_end_ns_ = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - front_end_before;
  messages_ = taken() - taken_before;

  // No answer may be missing at the end.
  for (const auto& guest : guests_) guest->driver.drain();
  if (in_flight() > 0) work([this](uint64_t) { return in_flight() == 0; });
}

void Measurement::print() const {
  printf("{\"messages\":%" PRIu64 ",\"elapsedNs\":%" PRIu64, messages_, elapsed_ns_);
  printf(",\"latencyNs\":{\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 "}",
         latencies_.percentile(0.5), latencies_.percentile(0.99), latencies_.percentile(0.999), latencies_.max());
  printf(",\"backEndCpuNs\":%" PRIu64 ",\"frontEndCpuNs\":%" PRIu64 ",\"sleeps\":%" PRIu64, back_end_ns_,
         front_end_ns_, sleeps_);
  printf(",\"peers\":[");
  const char* separator = "";
  for (const pid_t peer : peers_) printf("%s%d", std::exchange(separator, ","), peer);
  printf("],\"answers\":[");
  for (uint32_t command = 0; command < options_.commands.size(); command++) {
    const Words& answer = guests_.front()->driver.answer_to(command);
    printf("%s[", command == 0 ? "" : ",");
    for (uint32_t i = 0; i < answer.count; i++) printf(i == 0 ? "%u" : ",%u", answer.word[i]);
    printf("]");
  }
  printf("]}\n");
}

}  // namespace

void measure(const MeasureOptions& options) {
  for (const int name : {SIGINT, SIGTERM, SIGHUP}) signal(name, [](int) { interrupted = 1; });
  Measurement measurement(options);
  // Static: exit() puts the back end's threads back, too.
  static Affinity affinity;
  if (options.cores != Cores::FREE) {
    affinity.pin(getpid(), 0);
    for (const pid_t peer : measurement.peers()) affinity.pin(peer, options.cores == Cores::ONE ? 0 : 1);
  }
  measurement.ask_once();
  if (options.measure_ms > 0) measurement.run();
  measurement.print();
}

}  // namespace vhost_user_scmi::bench
