#include "floors.h"

#include <errno.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "../clock.h"
#include "../fd.h"
#include "fail.h"
#include "floor_device.h"

namespace vhost_user_scmi::bench {
namespace {

// Looks at the rings per look at the sockets: a front end that leaves is noticed within a millisecond.
constexpr int LOOKS = 4096;

class Floor {
 public:
  Floor(const std::vector<std::string>& paths, const ConstantAnswers& answers) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) fail("epoll_create1: %s", strerror(errno));
    for (const std::string& path : paths) {
      const uint64_t number = devices_.size();
      const auto watch = [this, number](int fd, Source source) {
        epoll_event event = {};
        event.events = EPOLLIN;
        event.data.u64 = number << 32 | static_cast<uint32_t>(source);
        if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
      };
      devices_.push_back(std::make_unique<FloorDevice>(path, answers, watch));
    }
    puts("ready");
    fflush(stdout);
  }

  // Hands out what epoll reports; `timeout_ms` -1 waits for it.
  template <typename OnKick>
  void listen(int timeout_ms, OnKick on_kick) {
    std::array<epoll_event, 64> events;
    const int ready = epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
    if (ready < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
      const uint64_t data = events[static_cast<size_t>(i)].data.u64;
      FloorDevice& device = *devices_[data >> 32];
      switch (static_cast<Source>(data & UINT32_MAX)) {
        case Source::LISTENER: device.accept(); break;
        case Source::CONNECTION: device.receive(); break;
        case Source::KICK: on_kick(device); break;
      }
    }
  }

  const std::vector<std::unique_ptr<FloorDevice>>& devices() const { return devices_; }

 private:
  using Source = FloorDevice::Source;

  const Fd epoll_;
  std::vector<std::unique_ptr<FloorDevice>> devices_;
};

}  // namespace

void serve_event_loop(const std::vector<std::string>& paths, const ConstantAnswers& answers) {
  Floor floor(paths, answers);
  for (;;) {
    floor.listen(-1, [](FloorDevice& device) {
      device.read_kick();
      do {
        device.suppress_kicks();
        device.work();
      } while (device.enable_kicks());
    });
  }
}

void serve_busy_loop(const std::vector<std::string>& paths, const ConstantAnswers& answers) {
  Floor floor(paths, answers);
  // The kick that comes with the start of the queue is the only one.
  const auto on_kick = [](FloorDevice& device) {
    device.read_kick();
    device.suppress_kicks();
  };
  for (;;) {
    const auto running = [](const auto& device) { return device->running(); };
    const bool busy = std::any_of(floor.devices().begin(), floor.devices().end(), running);
    floor.listen(busy ? 0 : -1, on_kick);
    for (int look = 0; busy && look < LOOKS; look++) {
      bool found = false;
      for (const auto& device : floor.devices()) found |= device->running() && device->work();
      if (!found) relax();
    }
  }
}

}  // namespace vhost_user_scmi::bench
