// The driver's side of one command queue (virtio 1.3 §2.7): keeps `depth` commands in flight, takes and checks every
// answer, and measures how long each took. Memory, descriptors and buffers are laid out once; then only words move.
//
// Knows the ring and the frame of an SCMI message. A device that answers wrong ends the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "../fd.h"
#include "../histogram.h"
#include "../virtio_ring.h"
#include "command.h"
#include "front_end.h"

namespace vhost_user_scmi::bench {

// What to send, and what is known of the answer.
struct Command {
  Words request;
  // How often it comes in a round of all commands; 0: it is sent once, before the measurement.
  uint32_t weight = 1;
  // The payload is the same every time.
  bool constant = true;
};

struct DriverOptions {
  uint32_t depth = 1;
  bool indirect = true;
  bool event_idx = true;
  // Takes until nothing more is answered, and only then sends again: as many as it took, with one kick.
  bool gathers = false;
};

class Driver {
 public:
  static constexpr uint32_t DEPTH_MAX = 256;

  Driver(const DriverOptions& options, const std::vector<Command>& commands, Histogram& latencies);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  VhostUserMemoryRegion region() const;
  int file() const { return file_.get(); }
  RingSetup ring() const;

  // Sends one of each command with `send_one` and takes its answer with `turn`: later answers are compared with it.
  void send_one(uint32_t command);
  const Words& answer_to(uint32_t command) const { return answers_[command]; }
  // Fills the queue, and keeps it full until `drain`.
  void fill();
  void drain() { posting_ = false; }

  // Takes what was answered and sends as many again. Returns the time when it looked, 0 if there was nothing.
  uint64_t turn();
  uint32_t in_flight() const { return in_flight_; }
  // May be called by other threads.
  uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  uint64_t kicks() const { return kicks_; }

  // Asks for a signal at the next answer. True if there is an answer already: no signal will come for it.
  bool arm();
  void disarm();
  int call() const { return call_.get(); }
  // Signalled when the device has stopped the queue.
  int error() const { return error_.get(); }

 private:
  struct Buffers {
    alignas(64) uint32_t request[REPLY_WORDS];
    alignas(64) uint32_t reply[REPLY_WORDS];
  };
  struct Slot {
    uint64_t sent_ns;
    uint32_t command;
    uint32_t header;
  };

  void lay_out();
  uint64_t take();
  uint32_t next_command();
  void post(uint32_t slot, uint32_t command, uint64_t now_ns);
  void publish();
  void check(uint32_t slot, uint32_t length);
  uint64_t guest_address(const void* at) const;

  const DriverOptions options_;
  const std::vector<Command>& commands_;
  Histogram& latencies_;
  // Commands in the order they are sent, over and over.
  std::vector<uint32_t> order_;
  std::vector<Words> answers_;
  uint32_t next_in_order_ = 0;
  uint32_t sequence_ = 0;
  bool posting_ = false;

  uint16_t num_ = 0;
  Fd file_;
  Fd kick_;
  Fd call_;
  Fd error_;
  uint8_t* memory_ = nullptr;
  VirtqDesc* descriptors_ = nullptr;
  VirtqAvail* avail_ = nullptr;
  VirtqUsed* used_ = nullptr;
  VirtqDesc* tables_ = nullptr;
  Buffers* buffers_ = nullptr;

  std::vector<Slot> slots_;
  // Slots whose answers were taken in this turn.
  std::vector<uint32_t> free_;
  uint16_t next_avail_ = 0;
  uint16_t published_ = 0;
  uint16_t next_used_ = 0;
  uint32_t in_flight_ = 0;
  std::atomic<uint64_t> taken_ = 0;
  uint64_t kicks_ = 0;
};

}  // namespace vhost_user_scmi::bench
