#include "kick_wait.h"

#include <sys/epoll.h>

#include <utility>

namespace vhost_user_scmi {
namespace {

bool add(int epoll, int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

bool KickWait::begin(int kick) {
  if (!epoll_) {
    Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll || !add(epoll.get(), loop_, EPOLLIN)) return false;
    epoll_ = std::move(epoll);
  }
  // Edge-triggered, so that a kick needs no read. The loop's own watch is level-triggered and reads the eventfd later.
  if (!add(epoll_.get(), kick, EPOLLIN | EPOLLET)) return false;
  kick_ = kick;
  return true;
}

// Closing our descriptor would not end the watch: the front end holds the same eventfd.
void KickWait::end() { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, std::exchange(kick_, -1), nullptr); }

void KickWait::release() {
  if (begun()) end();
  epoll_.reset();
}

KickWait::Woken KickWait::wait(int timeout_ms) {
  epoll_event events[2];
  const int count = epoll_wait(epoll_.get(), events, 2, timeout_ms);
  Woken woken = {.kicked = false, .others = count < 0, .expired = count == 0};
  for (int i = 0; i < count; i++) (events[i].data.fd == kick_ ? woken.kicked : woken.others) = true;
  return woken;
}

}  // namespace vhost_user_scmi
