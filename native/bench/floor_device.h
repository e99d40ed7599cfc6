// What both floors in C++ serve: a device that gives a fixed answer, checks nothing that a guest says and allocates nothing for
// a message. Its front end is ours, and sends everything once, in the usual order; only queue 0 is ever used. Not for real
// guests.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "../fd.h"
#include "../socket.h"
#include "../vhost_user.h"
#include "../virtio_ring.h"
#include "command.h"

namespace vhost_user_scmi::bench {

class FloorDevice {
 public:
  enum class Source : uint32_t { LISTENER, CONNECTION, KICK };
  // Called with every descriptor that the device wants to hear of.
  using Watch = std::function<void(int fd, Source source)>;

  FloorDevice(const std::string& path, const ConstantAnswers& answers, Watch watch);

  void accept();
  void receive();
  // The front end has set up its queue.
  bool running() const { return bool{kick_}; }

  // Answers all there is, and signals once if the driver wants that. False if there was nothing.
  bool work();
  void read_kick();
  // No kicks are needed from now on.
  void suppress_kicks();
  // True if something came before kicks were asked for.
  bool enable_kicks();

 private:
  bool event_idx() const { return features_ & feature_bit(VIRTIO_F_EVENT_IDX); }
  void handle(Message& message);
  void forget();
  void answer(uint16_t head);
  void signal(uint16_t used_before);

  const ConstantAnswers& answers_;
  const Watch watch_;
  Fd listener_;
  std::optional<Connection> connection_;
  uint64_t features_ = 0;
  VhostUserMemoryRegion region_ = {};
  uint8_t* memory_ = nullptr;
  uint16_t num_ = 0;
  uint16_t next_ = 0;
  uint16_t used_idx_ = 0;
  VirtqDesc* descriptors_ = nullptr;
  VirtqAvail* avail_ = nullptr;
  VirtqUsed* used_ = nullptr;
  Fd kick_;
  Fd call_;
};

}  // namespace vhost_user_scmi::bench
