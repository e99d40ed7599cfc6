// One vhost-user device: the connection to a front end, what was negotiated, guest memory, and two rings. Requests come
// in here; session.cc dispatches them and owns the one rule of when a reply is due, the *requests.cc hold what each does.
//
// Knows neither Node nor the event loop: it calls the SessionHost for what must happen outside, and queues events for
// JavaScript.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "inflight.h"
#include "memory_map.h"
#include "refusal.h"
#include "socket.h"
#include "vring.h"

namespace vhost_user_scmi {

// virtio 1.3 §5.17.2.
inline constexpr unsigned CMDQ = 0;
inline constexpr unsigned EVENTQ = 1;
inline constexpr unsigned QUEUES = 2;

// NativeEvent in src/device/native.ts, number by number.
enum class EventKind : uint8_t {
  CONNECTED = 0,
  DISCONNECTED = 1,
  MEMORY = 2,
  QUEUE_STARTED = 3,
  QUEUE_STOPPED = 4,
  QUEUE_FAULT = 5,
  REFUSED = 6,
  EVENT_BUFFERS = 7,
  MEMORY_WRITTEN = 8,
};

struct Event {
  EventKind kind;
  int queue = -1;
  uint32_t value = 0;
  std::string text;
};

// Called while the session still owns the descriptor or memory in question. Must not call back into the session.
class SessionHost {
 public:
  // False if the descriptor can't be watched (a regular file).
  virtual bool watch_kick(unsigned queue, int fd) = 0;
  virtual void unwatch_kick(unsigned queue) = 0;
  virtual void unwatch_connection() = 0;
  // Guest memory is about to be unmapped: drop all pointers into it.
  virtual void detach_windows() = 0;

 protected:
  ~SessionHost() = default;
};

struct SessionOptions {
  uint64_t features;
  uint64_t protocol_features;
};

class Session {
 public:
  Session(const SessionOptions& options, SessionHost& host) : options_(options), host_(host) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool connected() const { return connection_.has_value(); }
  const Connection& connection() const { return *connection_; }
  // Takes a front end. After a reconnect it does not negotiate again, so nothing is known of it.
  void connect(Fd fd);
  // Disconnects the front end, if there is one, and emits DISCONNECTED; the session is as new.
  void disconnect(const Refusal& why);
  // The same without an event. To be called while the host still works.
  void close() { reset(); }
  // Handles one message. False when there is none to handle: the socket is drained, or the connection is gone.
  bool receive();
  void flush_output();

  bool running(unsigned queue) const { return vrings_[queue].queue.running(); }
  Virtqueue& queue(unsigned queue) { return vrings_[queue].queue; }
  const MemoryMap& memory() const { return memory_; }
  uint64_t features() const { return features_; }
  // A ring without a kick descriptor has to be polled.
  bool wants_polling(unsigned queue) const { return running(queue) && !vrings_[queue].kick; }
  // Changes whenever pointers into guest memory or peeked chains become invalid.
  uint64_t generation() const { return generation_; }

  // The kick descriptor is readable. False if it turned out to be unusable; it is no longer watched then.
  bool drain_kick(unsigned queue);
  // After completing chains: notifies the driver if it wants that, and returns whether it did.
  bool signal(unsigned queue);
  // After touching guest memory: stops every ring if a file behind it shrank.
  void check_memory();
  // Stops a ring whose driver broke a rule (queue.error()).
  void fault(unsigned queue);
  // Stops a running ring in the same way although its driver did nothing wrong, as a device that fails would.
  void break_down(unsigned queue);
  // Emits EVENT_BUFFERS if there are any.
  void announce_event_buffers();

  // Tells JavaScript that something was refused, here or outside the session.
  void report(const Refusal& refusal) { emit(EventKind::REFUSED, -1, 0, describe(refusal)); }
  bool has_events() const { return !events_.empty(); }
  Event take_event();

 private:
  // What a handler did: what was asked for, or that and the reply, or nothing.
  struct Outcome {
    Outcome() = default;
    Outcome(const Refusal& why) : refusal(why) {}

    Refusal refusal;
    bool replied = false;
  };
  using Handler = Outcome (Session::*)(Message&);
  struct RequestRule;
  static const RequestRule RULES[];

  Outcome reply(const Message& message, const void* payload, uint32_t size, Fd fd = Fd());
  Outcome reply(const Message& message, uint64_t value) { return reply(message, &value, sizeof value); }
  static const RequestRule* rule_of(uint32_t request);
  Outcome handle(const RequestRule* rule, Message& message);
  void dispatch(Message& message);

  // The requests, in the order of their numbers: requests.cc, ring_requests.cc, memory_requests.cc.
  Outcome get_features(Message&);
  Outcome set_features(Message&);
  Outcome set_owner(Message&);
  Outcome reset_owner(Message&);
  Outcome set_mem_table(Message&);
  Outcome set_vring_num(Message&);
  Outcome set_vring_addr(Message&);
  Outcome set_vring_base(Message&);
  Outcome get_vring_base(Message&);
  Outcome set_vring_kick(Message&);
  Outcome set_vring_call(Message&);
  Outcome set_vring_err(Message&);
  Outcome get_protocol_features(Message&);
  Outcome set_protocol_features(Message&);
  Outcome get_queue_num(Message&);
  Outcome set_vring_enable(Message&);
  Outcome get_inflight_fd(Message&);
  Outcome set_inflight_fd(Message&);
  Outcome reset_device(Message&);
  Outcome get_max_mem_slots(Message&);
  Outcome add_mem_reg(Message&);
  Outcome rem_mem_reg(Message&);
  Outcome set_status(Message&);
  Outcome get_status(Message&);

  // Refused unless there is such a ring.
  static Refusal check_ring(uint32_t index);
  // Refused unless there is such a ring and it does not run, so that its set-up can be changed.
  Refusal check_settable(uint32_t index) const;
  // The payload and descriptor of SET_VRING_KICK, CALL and ERR.
  static Refusal take_ring_fd(Message& message, unsigned& queue, Fd& fd);
  static Refusal check_inflight(const VhostUserInflight& inflight);

  // Starts a ring that has everything it needs and does not run. Not refused if it runs, or if something is still missing.
  Refusal try_start(unsigned queue);
  // The same, for a request: JavaScript is told that the ring has started.
  Refusal start(unsigned queue);
  void announce_start(unsigned queue);
  // Stops a ring, keeping where it was.
  void halt(unsigned queue);
  // The same because the front end asked for it, if it runs.
  void stop(unsigned queue);
  // Stops a ring for good, until GET_VRING_BASE.
  void fault(unsigned queue, const Refusal& why);
  void reset_rings();
  template <typename Change>
  void change_memory(Change change);
  void emit(EventKind kind, int queue = -1, uint32_t value = 0, std::string text = {});
  // Back to how a new connection finds it.
  void reset();

  const SessionOptions options_;
  SessionHost& host_;
  std::optional<Connection> connection_;
  uint64_t features_ = 0;
  uint8_t status_ = 0;
  MemoryMap memory_;
  InflightRegion inflight_;
  std::array<Vring, QUEUES> vrings_;
  uint64_t generation_ = 0;
  // sigbus::replaced_pages() when no mapping of ours was broken.
  uint64_t replaced_pages_seen_ = 0;
  std::deque<Event> events_;
};

struct Session::RequestRule {
  uint32_t request;
  const char* name;
  uint32_t size_min;
  uint32_t size_max;
  uint32_t fds_min;
  uint32_t fds_max;
  Handler handler;
};

}  // namespace vhost_user_scmi
