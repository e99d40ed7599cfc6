// A device on a libuv loop: watches its sockets and kick descriptors, and gives session, pump and JavaScript their
// turns. Needs libuv, but not Node: what JavaScript has to do is asked of a JavaScriptSide.
//
// JavaScript runs in three places: onBatches within a visit of the pump, onEvent between two steps, and ticks and
// promises at the end of a turn. After each of the last two the device may be closed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "batch.h"
#include "event_buffers.h"
#include "held_replies.h"
#include "kick_wait.h"
#include "memory_watch.h"
#include "pump.h"
#include "session.h"
#include "uv_handles.h"

namespace vhost_user_scmi {

class JavaScriptSide : public BatchHandler {
 public:
  // Runs `work` so that it may call JavaScript; afterwards ticks and promises run.
  virtual void turn(const std::function<void()>& work) = 0;
  virtual void on_event(const Event& event) = 0;
  // The batches of a visit are published: what onBatch threw can be reported.
  virtual void after_visit() = 0;
  // Guest memory is about to be unmapped.
  virtual void detach_windows() = 0;
  // The first handle opens, the last has closed: in between libuv points into this object.
  virtual void handles_opened() = 0;
  virtual void handles_closed() = 0;

 protected:
  ~JavaScriptSide() = default;
};

class EventLoop final : SessionHost {
 public:
  EventLoop(uv_loop_t* loop, const SessionOptions& options, const WatchOptions& watch, JavaScriptSide& js);

  // Once closed(), nothing but these three may be called.
  bool closed() const { return core_ == nullptr; }
  bool has_handles() const { return !handles_.empty(); }
  // Of all messages so far, from taking to publishing them.
  const Histogram& latencies() const { return latencies_; }

  Session& session() { return core_->session; }
  Batch& batch() { return core_->batch; }
  Pump& pump() { return core_->pump; }
  EventBuffers& event_buffers() { return core_->event_buffers; }
  HeldReplies& held_replies() { return core_->held_replies; }

  bool listening() const { return bool{listener_}; }
  // Takes a listening or a connected socket. False, with `fd` untouched, if libuv watches it already for somebody else.
  bool listen_on(Fd& fd);
  bool attach(Fd& fd);
  // Looks at the watched memory every `ms`, and reports MEMORY_WRITTEN when there is something; 0: never.
  void watch_memory(uint64_t ms, uint64_t address, uint32_t flags, uint32_t words);
  // Brings the handles in step with the state. To be called after anything that may change it; runs no JavaScript.
  void settle();
  void close();

 private:
  struct Core {
    Core(const SessionOptions& options, EventLoop& loop, const WatchOptions& watch)
        : session(options, loop),
          pump(session, batch, loop.js_, loop.latencies_, watch),
          event_buffers(session, batch),
          held_replies(session),
          kick_wait(uv_backend_fd(loop.loop_)) {}
    Batch batch;
    Session session;
    Pump pump;
    EventBuffers event_buffers;
    HeldReplies held_replies;
    KickWait kick_wait;
    MemoryWatch memory_watch;
  };

  bool watch_kick(unsigned queue, int fd) override;
  void unwatch_kick(unsigned queue) override;
  void unwatch_connection() override;
  void detach_windows() override { js_.detach_windows(); }

  template <typename Work>
  void turn(Work work);
  void flush_events();
  void visit();
  bool watch_listener();
  void on_listener();
  void on_connection(int status, int events);
  void on_kick(unsigned queue, int status);
  void on_idle();
  void on_prepare();
  bool can_wait() const { return kick_watch_[CMDQ] != nullptr && core_->pump.alone(); }
  bool wait_for_kicks();
  void on_interval();
  void on_look();

  JavaScriptSide& js_;
  uv_loop_t* const loop_;
  Histogram latencies_;
  std::unique_ptr<Core> core_;
  UvHandles handles_;
  Fd listener_;
  // The pump wants another visit.
  bool visit_due_ = false;
  UvHandles::Poll* listener_watch_ = nullptr;
  UvHandles::Poll* connection_watch_ = nullptr;
  int connection_events_ = 0;
  UvHandles::Poll* kick_watch_[QUEUES] = {};
  LookRate look_rate_;
  // The interval in force, and by the loop's clock when the next look is due.
  uint64_t look_ms_ = 0;
  uint64_t look_due_ms_ = 0;
  // Turns of all loops of this thread, and how many there were at the last look.
  static thread_local uint64_t turns_;
  uint64_t looked_turns_ = 0;
  // These five exist from the first settle() to close().
  UvHandles::Idle* idle_ = nullptr;
  UvHandles::Prepare* prepare_ = nullptr;
  UvHandles::Timer* interval_ = nullptr;
  UvHandles::Timer* accept_retry_ = nullptr;
  UvHandles::Timer* look_ = nullptr;
};

}  // namespace vhost_user_scmi
