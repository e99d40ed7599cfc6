// An owning file descriptor: move only, closed on every path.
#pragma once

#include <unistd.h>

#include <utility>

namespace vhost_user_scmi {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    // Linux releases the number even when close reports an error, so there is nothing to retry.
    if (old >= 0) ::close(old);
  }

 private:
  int fd_ = -1;
};

}  // namespace vhost_user_scmi
