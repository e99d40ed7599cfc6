// Waits for one kick in place of the event loop. Where driver and device share a core, each message costs a wake-up. A
// wake-up by libuv takes two polls, a read and a turn of Node's loop; one from here takes a single system call. Anything
// else that the loop waits for ends this wait.
#pragma once

#include <cstdint>

#include "fd.h"

namespace vhost_user_scmi {

class KickWait {
 public:
  // `loop` is the descriptor that is readable when the event loop has something to do (uv_backend_fd()).
  explicit KickWait(int loop) : loop_(loop) {}

  // False if the kernel refuses. The loop must not watch `kick` meanwhile, or each kick would wake it as well.
  bool begin(int kick);
  void end();
  bool begun() const { return kick_ >= 0; }
  // Ends the wait, if there is one, and closes the epoll descriptor.
  void release();

  struct Woken {
    // There was a kick since begin() or the last wait(), read or not. One that came before begin() counts if it is unread.
    bool kicked;
    // The loop has something to do, or a signal arrived.
    bool others;
    // Nothing happened until the timeout.
    bool expired;
  };
  // `timeout_ms` -1: for ever.
  Woken wait(int timeout_ms);

 private:
  const int loop_;
  Fd epoll_;
  int kick_ = -1;
};

}  // namespace vhost_user_scmi
