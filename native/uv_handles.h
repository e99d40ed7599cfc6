// The libuv handles of one device. A handle's memory belongs to libuv until its close callback has run, so handles live on
// the heap, and the group says when the last one is gone.
//
// Included by event_loop.h only: everything below it runs without an event loop.
#pragma once

#include <uv.h>

#include <functional>
#include <utility>

namespace vhost_user_scmi {

class UvHandles {
 public:
  template <typename Uv>
  struct Handle {
    Uv uv;
    UvHandles* group;
    // uv_poll: status (0 or a negative error) and UV_READABLE | …; others: 0, 0.
    std::function<void(int status, int events)> call;
  };
  using Poll = Handle<uv_poll_t>;
  using Idle = Handle<uv_idle_t>;
  using Prepare = Handle<uv_prepare_t>;
  using Timer = Handle<uv_timer_t>;

  // `opened` is called before the first handle opens, `closed` after the last has closed: between the two, libuv holds
  // pointers into this object.
  UvHandles(uv_loop_t* loop, std::function<void()> opened, std::function<void()> closed)
      : loop_(loop), opened_(std::move(opened)), closed_(std::move(closed)) {}

  bool empty() const { return count_ == 0; }

  // nullptr if the descriptor can't be polled, or is polled already.
  Poll* poll(int fd, int events, std::function<void(int, int)> call) {
    Poll* handle = allocate<uv_poll_t>(std::move(call));
    if (uv_poll_init(loop_, &handle->uv, fd) != 0) {
      delete handle;
      return nullptr;
    }
    add();
    set_events(handle, events);
    return handle;
  }
  // To be repeated after an error, which stops the handle, and after suspend().
  static void set_events(Poll* handle, int events) {
    uv_poll_start(&handle->uv, events,
                  [](uv_poll_t* uv, int status, int seen) { self<uv_poll_t>(uv)->call(status, seen); });
  }

  // The loop lets go of the descriptor at once, the handle keeps it. Returns it.
  static int suspend(Poll* handle) {
    uv_poll_stop(&handle->uv);
    uv_os_fd_t fd = -1;
    uv_fileno(reinterpret_cast<const uv_handle_t*>(&handle->uv), &fd);
    return fd;
  }

  Idle* idle(std::function<void()> call) {
    Idle* handle = allocate<uv_idle_t>([call = std::move(call)](int, int) { call(); });
    uv_idle_init(loop_, &handle->uv);
    add();
    return handle;
  }
  // While it is active, the loop polls without waiting.
  static void set_active(Idle* handle, bool active) {
    if (!active) {
      uv_idle_stop(&handle->uv);
    } else {
      uv_idle_start(&handle->uv, [](uv_idle_t* uv) { self<uv_idle_t>(uv)->call(0, 0); });
    }
  }

  Prepare* prepare(std::function<void()> call) {
    Prepare* handle = allocate<uv_prepare_t>([call = std::move(call)](int, int) { call(); });
    uv_prepare_init(loop_, &handle->uv);
    add();
    return handle;
  }
  // While it is active, it is called whenever the loop is about to poll.
  static void set_active(Prepare* handle, bool active) {
    if (!active) {
      uv_prepare_stop(&handle->uv);
    } else {
      uv_prepare_start(&handle->uv, [](uv_prepare_t* uv) { self<uv_prepare_t>(uv)->call(0, 0); });
    }
  }

  Timer* timer(std::function<void()> call) {
    Timer* handle = allocate<uv_timer_t>([call = std::move(call)](int, int) { call(); });
    uv_timer_init(loop_, &handle->uv);
    add();
    return handle;
  }
  static bool active(const Timer* handle) { return uv_is_active(reinterpret_cast<const uv_handle_t*>(&handle->uv)); }
  // Calls every `ms`; 0 stops it. Does not restart one that runs.
  static void set_interval(Timer* handle, uint64_t ms) {
    if (ms == 0) {
      uv_timer_stop(&handle->uv);
    } else if (!active(handle)) {
      uv_timer_start(&handle->uv, [](uv_timer_t* uv) { self<uv_timer_t>(uv)->call(0, 0); }, ms, ms);
    }
  }

  // No callback comes after this; a polled descriptor may be closed at once.
  template <typename Uv>
  static void close(Handle<Uv>*& handle) {
    if (handle == nullptr) return;
    uv_close(reinterpret_cast<uv_handle_t*>(&std::exchange(handle, nullptr)->uv), [](uv_handle_t* raw) {
      auto* closed = self<Uv>(reinterpret_cast<Uv*>(raw));
      UvHandles* group = closed->group;
      delete closed;
      group->remove();
    });
  }

 private:
  template <typename Uv>
  static Handle<Uv>* self(Uv* uv) {
    return static_cast<Handle<Uv>*>(uv->data);
  }

  template <typename Uv>
  Handle<Uv>* allocate(std::function<void(int, int)> call) {
    auto* handle = new Handle<Uv>{{}, this, std::move(call)};
    handle->uv.data = handle;
    return handle;
  }
  void add() {
    if (count_++ == 0) opened_();
  }
  void remove() {
    if (--count_ == 0) closed_();
  }

  uv_loop_t* const loop_;
  const std::function<void()> opened_;
  const std::function<void()> closed_;
  int count_ = 0;
};

}  // namespace vhost_user_scmi
