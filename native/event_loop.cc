#include "event_loop.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "clock.h"

namespace vhost_user_scmi {
namespace {

// Messages handled in one turn; the rest waits in the socket, level-triggered.
constexpr int MESSAGES_PER_TURN = 64;
// For rings without a kick descriptor.
constexpr uint64_t POLL_INTERVAL_MS = 1;
// Until the listener is looked at again after accept failed, as with EMFILE.
constexpr uint64_t ACCEPT_RETRY_MS = 1000;
// How late timers may be because kicks keep coming; the same as for a visit.
constexpr uint64_t TIME_UPDATE_NS = 500'000;

}  // namespace

thread_local uint64_t EventLoop::turns_ = 0;

EventLoop::EventLoop(uv_loop_t* loop, const SessionOptions& options, const WatchOptions& watch, JavaScriptSide& js)
    : js_(js),
      loop_(loop),
      core_(std::make_unique<Core>(options, *this, watch)),
      handles_(loop, [this] { js_.handles_opened(); }, [this] { js_.handles_closed(); }) {}

bool EventLoop::listen_on(Fd& fd) {
  listener_ = std::move(fd);
  if (watch_listener()) return true;
  fd = std::move(listener_);
  return false;
}

bool EventLoop::attach(Fd& fd) {
  connection_events_ = UV_READABLE;
  connection_watch_ = handles_.poll(fd.get(), connection_events_,
                                    [this](int status, int events) { on_connection(status, events); });
  if (connection_watch_ == nullptr) return false;
  core_->session.connect(std::move(fd));
  return true;
}

void EventLoop::settle() {
  const Session& session = core_->session;
  if (idle_ == nullptr) {
    idle_ = handles_.idle([this] { on_idle(); });
    prepare_ = handles_.prepare([this] { on_prepare(); });
    interval_ = handles_.timer([this] { on_interval(); });
    accept_retry_ = handles_.timer([this] {
      UvHandles::set_interval(accept_retry_, 0);
      settle();
    });
    look_ = handles_.timer([this] { on_look(); });
  }
  if (session.connected()) {
    // One front end at a time: another one waits in the backlog.
    UvHandles::close(listener_watch_);
    const int events = UV_READABLE | (session.connection().wants_write() ? UV_WRITABLE : 0);
    if (events != connection_events_) UvHandles::set_events(connection_watch_, connection_events_ = events);
  } else if (listener_ && listener_watch_ == nullptr && !UvHandles::active(accept_retry_)) {
    watch_listener();
  }
  const bool polling = session.wants_polling(CMDQ) || session.wants_polling(EVENTQ);
  UvHandles::set_interval(interval_, polling ? POLL_INTERVAL_MS : 0);
  if (look_ms_ != look_rate_.ms()) {
    UvHandles::set_interval(look_, 0);
    look_ms_ = look_rate_.ms();
  }
  if (look_ms_ != 0 && can_wait()) UvHandles::set_active(prepare_, true);
  // Where the device waits for kicks by itself, it looks as well: a timer would cost a turn of the loop each time.
  UvHandles::set_interval(look_, core_->kick_wait.begun() ? 0 : look_ms_);
  UvHandles::set_active(idle_, visit_due_ || session.has_events());
}

void EventLoop::watch_memory(uint64_t ms, uint64_t address, uint32_t flags, uint32_t words) {
  core_->memory_watch.set(address, flags, words);
  look_rate_.set(ms);
  settle();
}

void EventLoop::close() {
  core_->session.close();
  core_.reset();
  UvHandles::close(listener_watch_);
  UvHandles::close(idle_);
  UvHandles::close(prepare_);
  UvHandles::close(interval_);
  UvHandles::close(accept_retry_);
  UvHandles::close(look_);
  listener_.reset();
}

bool EventLoop::watch_kick(unsigned queue, int fd) {
  kick_watch_[queue] = handles_.poll(fd, UV_READABLE, [this, queue](int status, int) { on_kick(queue, status); });
  return kick_watch_[queue] != nullptr;
}

void EventLoop::unwatch_kick(unsigned queue) {
  if (queue == CMDQ) core_->kick_wait.release();
  UvHandles::close(kick_watch_[queue]);
}

void EventLoop::unwatch_connection() { UvHandles::close(connection_watch_); }

// One turn of the loop: pending events, `work`, its events, then ticks and promises.
template <typename Work>
void EventLoop::turn(Work work) {
  turns_++;
  js_.turn([&] {
    flush_events();
    if (closed()) return;
    work();
    flush_events();
  });
  if (!closed()) settle();
}

void EventLoop::flush_events() {
  while (!closed() && core_->session.has_events()) js_.on_event(core_->session.take_event());
}

void EventLoop::visit() {
  visit_due_ = core_->pump.visit() == Pump::Next::CONTINUE;
  js_.after_visit();
}

bool EventLoop::watch_listener() {
  listener_watch_ = handles_.poll(listener_.get(), UV_READABLE, [this](int, int) { on_listener(); });
  return listener_watch_ != nullptr;
}

void EventLoop::on_listener() {
  turn([this] {
    Fd fd;
    const int error = accept_unix(listener_.get(), fd);
    if (error == 0) {
      attach(fd);  // can't fail: nobody else knows this descriptor yet
      return;
    }
    if (error == EAGAIN || error == ECONNABORTED || error == EINTR) return;
    // Most likely out of descriptors. The listener stays readable, so trying again at once would be a busy loop.
    UvHandles::close(listener_watch_);
    UvHandles::set_interval(accept_retry_, ACCEPT_RETRY_MS);
    core_->session.report({.reason = Reason::ACCEPT_FAILED, .value = static_cast<uint64_t>(error)});
  });
}

void EventLoop::on_connection(int status, int events) {
  turn([=, this] {
    // libuv's errors are negated errnos.
    if (status < 0) core_->session.disconnect({.reason = Reason::WAIT_FAILED, .value = static_cast<uint64_t>(-status)});
    if (events & UV_WRITABLE) core_->session.flush_output();
    // JavaScript gets each message's events before the next message, so that it never sees an outdated memory map.
    for (int i = 0; i < MESSAGES_PER_TURN && !closed() && core_->session.receive(); i++) flush_events();
    if (closed()) return;
    // The kicks for messages in a ring that just started may have gone to a former process.
    if (core_->session.running(CMDQ) && core_->session.queue(CMDQ).available()) visit_due_ = true;
  });
}

void EventLoop::on_kick(unsigned queue, int status) {
  turn([=, this] {
    // An event handler may have closed the watch that called us.
    if (kick_watch_[queue] == nullptr) return;
    // libuv stops the handle at an error, and an eventfd at its maximum is one. If it can be read, go on.
    if (core_->session.drain_kick(queue) && status < 0) UvHandles::set_events(kick_watch_[queue], UV_READABLE);
    if (queue == CMDQ) {
      visit();
      UvHandles::set_active(prepare_, true);
    } else {
      core_->session.announce_event_buffers();
    }
  });
}

void EventLoop::on_idle() {
  turn([this] {
    if (std::exchange(visit_due_, false)) visit();
  });
}

// The loop is about to wait for the next kick.
void EventLoop::on_prepare() {
  turns_++;
  // Two devices that wait like this would wake each other with every kick.
  if (!can_wait()) {
    UvHandles::set_active(prepare_, false);
    return;
  }
  // 0: the loop has something else to do first.
  if (uv_backend_timeout(loop_) == 0) return;
  const bool kicked = wait_for_kicks();
  uv_update_time(loop_);
  if (closed()) return;
  UvHandles::set_active(prepare_, kicked);
  settle();
}

// Returns when the loop has something else to do, or the ring is gone. False if no kick came. Looks at memory meanwhile.
bool EventLoop::wait_for_kicks() {
  UvHandles::Poll* const watch = kick_watch_[CMDQ];
  bool kicked = false;
  if (core_->kick_wait.begin(UvHandles::suspend(watch))) {
    UvHandles::set_interval(look_, 0);
    KickWait::Woken woken = {};
    uint64_t updated_ns = 0;
    do {
      // Timers expire by the loop's clock, which nobody else updates here. The pump has just read the real one.
      if (const uint64_t now_ns = core_->pump.now_ns(); now_ns - updated_ns >= TIME_UPDATE_NS) {
        uv_update_time(loop_);
        updated_ns = now_ns;
      }
      const int timeout_ms = uv_backend_timeout(loop_);
      if (timeout_ms == 0) break;
      const int look_in_ms = look_ms_ == 0 ? -1 : static_cast<int>(look_due_ms_ - std::min(look_due_ms_, uv_now(loop_)));
      const bool is_for_look = look_in_ms >= 0 && (timeout_ms < 0 || look_in_ms <= timeout_ms);
      woken = core_->kick_wait.wait(is_for_look ? look_in_ms : timeout_ms);
      if (woken.kicked) {
        kicked = true;
        turn([this] {
          if (kick_watch_[CMDQ] != nullptr) visit();
        });
      } else if (is_for_look && woken.expired) {
        uv_update_time(loop_);
        on_look();
      } else {
        break;
      }
      if (closed() || !core_->kick_wait.begun()) return kicked;
    } while (!woken.others);
    core_->kick_wait.end();
  }
  UvHandles::set_events(watch, UV_READABLE);
  return kicked;
}

void EventLoop::on_interval() {
  turn([this] {
    Session& session = core_->session;
    if (session.wants_polling(EVENTQ)) session.announce_event_buffers();
    if (session.wants_polling(CMDQ)) visit();
  });
}

// Most looks find nothing, and must cost next to nothing: JavaScript gets no turn for them.
void EventLoop::on_look() {
  look_rate_.looked(clock_ns(CLOCK_THREAD_CPUTIME_ID), turns_ == looked_turns_);
  looked_turns_ = turns_;
  look_due_ms_ = uv_now(loop_) + look_ms_;
  const bool found = core_->memory_watch.look(core_->session.memory());
  core_->session.check_memory();
  if (found) {
    turn([this] { js_.on_event({.kind = EventKind::MEMORY_WRITTEN}); });
  } else if (core_->session.has_events() || look_ms_ != look_rate_.ms()) {
    settle();
  }
}

}  // namespace vhost_user_scmi
