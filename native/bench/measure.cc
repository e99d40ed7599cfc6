#include "measure.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <list>
#include <set>
#include <thread>
#include <utility>

#include "../clock.h"
#include "affinity.h"
#include "fail.h"
#include "worker.h"

namespace vhost_user_scmi::bench {
namespace {

void sleep_until(uint64_t ns) {
  const timespec until = {
      .tv_sec = static_cast<time_t>(ns / 1'000'000'000),
      .tv_nsec = static_cast<long>(ns % 1'000'000'000),
  };
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
    if (interrupted()) leave(130);
  }
}

class Measurement {
 public:
  explicit Measurement(const MeasureOptions& options);

  const std::set<pid_t>& peers() const { return peers_; }
  void ask_once();
  void run();
  void print() const;

 private:
  // What has been done until now.
  struct Mark {
    uint64_t now_ns;
    std::vector<uint64_t> messages;
    uint64_t back_end_ns;
    uint64_t front_end_ns;
  };

  Mark mark() const;

  const MeasureOptions& options_;
  std::list<Worker> workers_;
  std::set<pid_t> peers_;
  Mark before_ = {};
  Mark after_ = {};
};

Measurement::Measurement(const MeasureOptions& options) : options_(options) {
  const std::span<const std::string> sockets = options.sockets;
  const size_t each = options.spin_us > 0 ? sockets.size() : 1;
  for (size_t i = 0; i < sockets.size(); i += each) {
    workers_.emplace_back(options, sockets.subspan(i, each));
    for (const auto& guest : workers_.back().guests()) peers_.insert(guest->front_end.peer());
  }
}

void Measurement::ask_once() {
  for (Worker& worker : workers_) worker.ask_once();
}

void Measurement::run() {
  std::atomic<Worker::Phase> phase = Worker::Phase::WARM_UP;
  std::vector<std::jthread> threads;
  for (Worker& worker : workers_) threads.emplace_back([&] { worker.run(phase); });
  sleep_until(monotonic_ns() + uint64_t{options_.warmup_ms} * 1'000'000);
  before_ = mark();
  phase = Worker::Phase::MEASURE;
  sleep_until(before_.now_ns + uint64_t{options_.measure_ms} * 1'000'000);
  after_ = mark();
  phase = Worker::Phase::END;
}

Measurement::Mark Measurement::mark() const {
  Mark mark = {};
  for (const Worker& worker : workers_) {
    for (const auto& guest : worker.guests()) mark.messages.push_back(guest->driver.taken());
  }
  mark.now_ns = monotonic_ns();
  for (const pid_t peer : peers_) {
    clockid_t clock;
    if (clock_getcpuclockid(peer, &clock) == 0) mark.back_end_ns += clock_ns(clock);
  }
  mark.front_end_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  return mark;
}

void Measurement::print() const {
  Histogram latencies;
  uint64_t sleeps = 0;
  for (const Worker& worker : workers_) {
    latencies.add(worker.latencies());
    sleeps += worker.sleeps();
  }
  uint64_t messages = 0;
  std::vector<uint64_t> by_guest;
  for (size_t i = 0; i < after_.messages.size(); i++) {
    by_guest.push_back(after_.messages[i] - before_.messages[i]);
    messages += by_guest.back();
  }
  const auto list = [](const char* name, const auto& values) {
    printf(",\"%s\":[", name);
    const char* separator = "";
    for (const auto value : values) printf("%s%" PRIu64, std::exchange(separator, ","), static_cast<uint64_t>(value));
    printf("]");
  };
  printf("{\"messages\":%" PRIu64 ",\"elapsedNs\":%" PRIu64, messages, after_.now_ns - before_.now_ns);
  list("messagesByGuest", by_guest);
  printf(",\"latencyNs\":{\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 "}",
         latencies.percentile(0.5), latencies.percentile(0.99), latencies.percentile(0.999), latencies.max());
  printf(",\"backEndCpuNs\":%" PRIu64 ",\"frontEndCpuNs\":%" PRIu64 ",\"sleeps\":%" PRIu64,
         after_.back_end_ns - before_.back_end_ns, after_.front_end_ns - before_.front_end_ns, sleeps);
  list("peers", peers_);
  printf(",\"answers\":[");
  for (uint32_t command = 0; command < options_.commands.size(); command++) {
    const Words& answer = workers_.front().guests().front()->driver.answer_to(command);
    printf("%s[", command == 0 ? "" : ",");
    for (uint32_t i = 0; i < answer.count; i++) printf(i == 0 ? "%u" : ",%u", answer.word[i]);
    printf("]");
  }
  printf("]}\n");
}

}  // namespace

void measure(const MeasureOptions& options) {
  catch_signals();
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
