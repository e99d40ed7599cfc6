// One thread of a measurement, and the guests it drives: keeps their queues full, spinning or sleeping.
#pragma once

#include <poll.h>

#include <atomic>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "driver.h"
#include "front_end.h"
#include "measure.h"

namespace vhost_user_scmi::bench {

// One guest: a connection and the driver behind it.
struct Guest {
  Guest(const std::string& path, const MeasureOptions& options, Histogram& latencies);

  FrontEnd front_end;
  Driver driver;
};

class Worker {
 public:
  enum class Phase : uint8_t { WARM_UP, MEASURE, END };

  Worker(const MeasureOptions& options, std::span<const std::string> sockets);

  // Every command once: later answers are compared with these.
  void ask_once();
  // Until `phase` is END and no answer is missing. To be called on a thread of its own.
  void run(const std::atomic<Phase>& phase);

  const std::vector<std::unique_ptr<Guest>>& guests() const { return guests_; }
  // Those of the phase MEASURE, and of the end. To be read after run().
  const Histogram& latencies() const { return latencies_; }
  uint64_t sleeps() const { return sleeps_; }

 private:
  // Takes and sends until `done` says so, which is asked after each look that found something.
  template <typename Done>
  void work(Done done);
  uint64_t look();
  void sleep();
  void look_at_descriptors() const;
  uint64_t in_flight() const;

  const MeasureOptions& options_;
  const std::span<const std::string> sockets_;
  Histogram latencies_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::vector<pollfd> waits_;
  std::minstd_rand random_;
  uint64_t sleeps_ = 0;
};

// Set by a signal: whoever sees it ends the process.
bool interrupted();
void catch_signals();

}  // namespace vhost_user_scmi::bench
