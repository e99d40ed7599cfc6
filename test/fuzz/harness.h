// Used by both fuzz targets: a device without Node or an event loop, and a front end at the other end of its socket that
// does what the input says. An input is a sequence of steps: a byte for the action, then its operands. Operands beyond the
// end of the input are 0.
//
// CHECK states what must hold after any input; libFuzzer reports a violation as a crash.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "batch.h"
#include "event_buffers.h"
#include "fd.h"
#include "held_replies.h"
#include "pump.h"
#include "session.h"

#define CHECK(condition)                                                           \
  do {                                                                             \
    if (!(condition)) {                                                            \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      __builtin_trap();                                                            \
    }                                                                              \
  } while (0)

namespace vhost_user_scmi::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  template <typename T>
  T take() {
    T value = {};
    const size_t bytes = std::min(sizeof value, static_cast<size_t>(end_ - at_));
    std::memcpy(&value, at_, bytes);
    at_ += bytes;
    return value;
  }
  uint8_t byte() { return take<uint8_t>(); }
  // A number from 0 to `count` - 1.
  uint32_t below(uint32_t count) { return take<uint16_t>() % count; }
  // Up to `wanted` bytes.
  std::vector<uint8_t> bytes(size_t wanted) {
    const size_t size = std::min(wanted, static_cast<size_t>(end_ - at_));
    std::vector<uint8_t> taken(at_, at_ + size);
    at_ += size;
    return taken;
  }

 private:
  const uint8_t* at_;
  const uint8_t* const end_;
};

// Guest memory: one file, which the input may cut off, mapped by the front end as well.
inline constexpr uint64_t MEMORY_BYTES = 256 << 10;

// Descriptors that the input can send with a message, by number: those of real front ends first.
enum class FdKind : uint8_t { MEMORY, KICK_0, KICK_1, CALL, EVENT, PIPE, SOCKET, EMPTY_FILE, DEVICE, COUNT };

class Rig final : SessionHost, BatchHandler {
 public:
  Rig();
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  Session& session() { return session_; }
  uint8_t* memory() { return memory_; }

  // Sends a message as it is, if the socket takes it.
  void send(const VhostUserHeader& header, const void* payload, size_t size, const std::vector<FdKind>& fds);
  void raw(const uint8_t* bytes, size_t size);
  // Lets the session handle what was sent, and checks its replies. False if it has closed the connection.
  bool settle();
  void reconnect();
  // Kicks a ring, and does what the event loop would do.
  void kick(unsigned queue);
  // Sends an event of `size` bytes, if there is a buffer.
  void send_event(uint32_t size);
  // Cuts the memory file off, or makes it whole again.
  void truncate(uint64_t size);
  // How many replies the front end leaves unread from now on.
  void leave_unread(unsigned count) { unread_ = count; }
  // The length that the handler reports from now on: usually a false one, or WRITTEN_LATER.
  void answer_with(uint32_t written) {
    written_ = written;
    gives_up_ = false;
  }
  // The handler returns after each batch from now on, as if it had thrown.
  void give_up() { gives_up_ = true; }
  // Answers one of the last held messages, or one that never was.
  void answer_late(uint8_t which, uint32_t size);
  void break_down(unsigned queue);

 private:
  bool watch_kick(unsigned queue, int fd) override;
  void unwatch_kick(unsigned queue) override;
  void unwatch_connection() override;
  void detach_windows() override;
  void answer(uint32_t count) override;

  void connect();
  void hear_events();
  void look_at(const MemoryMap::Window& window, uint64_t offset, uint64_t length, bool write);
  void check_entry(const Entry& entry);
  bool read_replies();
  int fd_of(FdKind kind, std::vector<Fd>& owned);

  Fd file_;
  uint8_t* memory_ = nullptr;
  Fd kicks_[QUEUES];
  Fd call_;
  Fd socket_;
  int watched_[QUEUES] = {-1, -1};
  bool connection_watched_ = false;
  std::vector<uint8_t> received_;
  unsigned unread_ = 0;
  uint32_t written_ = UINT32_MAX;
  bool gives_up_ = false;
  // As JavaScript sees them: empty once they are detached.
  std::vector<MemoryMap::Window> windows_;
  bool windows_valid_ = false;
  // One for all inputs: it is large, and holds nothing between batches.
  static Batch batch_;
  Session session_;
  Histogram latencies_;
  Pump pump_;
  EventBuffers event_buffers_;
  HeldReplies held_replies_;
  // Of the last messages.
  uint32_t tickets_[8] = {};
  size_t messages_ = 0;
};

// Runs `steps` on a rig of its own, and checks that it leaves nothing behind.
template <typename Steps>
void run(const uint8_t* data, size_t size, Steps steps);

// The lowest descriptor that is free.
int free_descriptor();

}  // namespace vhost_user_scmi::fuzz

template <typename Steps>
void vhost_user_scmi::fuzz::run(const uint8_t* data, size_t size, Steps steps) {
  const int before = free_descriptor();
  {
    Rig rig;
    Input input(data, size);
    while (!input.empty()) steps(rig, input);
    rig.settle();
  }
  CHECK(free_descriptor() == before);
}
