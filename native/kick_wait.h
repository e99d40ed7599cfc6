// A wait for one kick in the event loop's place. Where driver and device share a core, each message costs a wake-up; one
// by libuv takes Node two polls, a read and a turn of its loop, one from here a single system call. Whatever else the
// loop waits for ends the wait.
#pragma once

#include <cstdint>

#include "fd.h"

namespace vhost_user_scmi {

class KickWait {
 public:
  // `loop` is the descriptor that is readable when the event loop has something to do (uv_backend_fd()).
  explicit KickWait(int loop) : loop_(loop) {}

  // False if the kernel has no room for it. The loop must not watch `kick` meanwhile, or each kick is its business, too.
  bool begin(int kick);
  void end();
  bool begun() const { return kick_ >= 0; }
  // Ends the wait, if there is one, and gives back what it took of the kernel.
  void release();

  struct Woken {
    // Since begin() or the last wait(), whether or not it was read; what begin() finds readable counts.
    bool kicked;
    // The loop has something to do, the time is up, or a signal came.
    bool others;
  };
  // `timeout_ms` -1: for ever.
  Woken wait(int timeout_ms);

 private:
  const int loop_;
  Fd epoll_;
  int kick_ = -1;
};

}  // namespace vhost_user_scmi
