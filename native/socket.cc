#include "socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

namespace vhost_user_scmi {
namespace {

// Replies a peer may leave unread in our queue, on top of the socket's own buffer.
constexpr size_t OUTPUT_MAX = 16;

int unix_address(const std::string& path, sockaddr_un& address) {
  if (path.empty() || path.find('\0') != std::string::npos) return EINVAL;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return 0;
}

int open_unix(Fd& out) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  out = std::move(fd);
  return 0;
}

}  // namespace

int listen_unix(const std::string& path, Fd& out, mode_t mode) {
  sockaddr_un address;
  Fd fd;
  if (const int error = unix_address(path, address)) return error;
  if (const int error = open_unix(fd)) return error;
  // bind() gives the file the permissions of the socket less those of the umask (unix(7)): never more than `mode`.
  if (fchmod(fd.get(), mode) != 0) return errno;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return errno;
  if (chmod(path.c_str(), mode) != 0) return errno;
  if (listen(fd.get(), SOMAXCONN) != 0) return errno;
  out = std::move(fd);
  return 0;
}

int connect_unix(const std::string& path, Fd& out) {
  sockaddr_un address;
  Fd fd;
  if (const int error = unix_address(path, address)) return error;
  if (const int error = open_unix(fd)) return error;
  // A Unix connect completes or fails at once; EAGAIN means that the listener's backlog is full.
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return errno;
  out = std::move(fd);
  return 0;
}

int accept_unix(int listener, Fd& out) {
  Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return errno;
  out = std::move(fd);
  return 0;
}

SocketKind socket_kind(int fd) {
  const auto option = [fd](int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  if (option(SO_DOMAIN) != AF_UNIX || option(SO_TYPE) != SOCK_STREAM) return SocketKind::NEITHER;
  if (option(SO_ACCEPTCONN) == 1) return SocketKind::LISTENING;
  sockaddr_un peer;
  socklen_t size = sizeof peer;
  return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 ? SocketKind::CONNECTED : SocketKind::NEITHER;
}

Receive Connection::receive() {
  if (whole_) {
    message_.fds.clear();
    received_ = 0;
    whole_ = false;
  }
  // Never reads beyond the message: descriptors that arrive belong to the bytes they arrive with.
  constexpr size_t HEADER = sizeof(VhostUserHeader);
  while (received_ < HEADER) {
    auto* header = reinterpret_cast<uint8_t*>(&message_.header);
    const Receive result = read_some(header + received_, HEADER - received_);
    if (result != Receive::MESSAGE) return result;
    if (received_ == HEADER && !well_framed()) return Receive::CLOSED;
  }
  const size_t total = HEADER + message_.header.size;
  while (received_ < total) {
    const Receive result = read_some(message_.payload + (received_ - HEADER), total - received_);
    if (result != Receive::MESSAGE) return result;
  }
  whole_ = true;
  return Receive::MESSAGE;
}

// MESSAGE: at least one byte came.
Receive Connection::read_some(uint8_t* to, size_t wanted) {
  iovec vector = {to, wanted};
  alignas(cmsghdr) char control[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
  msghdr header = {};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Receive::AGAIN;
    return closed({.reason = Reason::READ_FAILED, .value = static_cast<uint64_t>(errno)});
  }
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
      message_.fds.emplace_back(fd);
    }
  }
  if ((header.msg_flags & MSG_CTRUNC) || message_.fds.size() > MESSAGE_FDS_MAX) {
    return closed({.reason = Reason::DESCRIPTORS_LOST, .max = MESSAGE_FDS_MAX});
  }
  if (got == 0) {
    return closed({.reason = received_ == 0 ? Reason::CLOSED_BY_PEER : Reason::CLOSED_WITHIN_MESSAGE});
  }
  received_ += static_cast<size_t>(got);
  return Receive::MESSAGE;
}

bool Connection::well_framed() {
  const VhostUserHeader& header = message_.header;
  constexpr uint32_t KNOWN = VHOST_USER_VERSION_MASK | VHOST_USER_NEED_REPLY_MASK;
  const uint32_t version = header.flags & VHOST_USER_VERSION_MASK;
  if (version != VHOST_USER_VERSION) {
    closed({.reason = Reason::WRONG_VERSION, .index = header.request, .value = version, .max = VHOST_USER_VERSION});
  } else if (header.flags & ~KNOWN) {
    closed({.reason = Reason::UNKNOWN_FLAGS, .index = header.request, .value = header.flags});
  } else if (header.size > PAYLOAD_MAX) {
    closed({.reason = Reason::TOO_LONG, .index = header.request, .value = header.size, .max = PAYLOAD_MAX});
  }
  return !refusal_;
}

Receive Connection::closed(const Refusal& why) {
  refusal_ = why;
  message_.fds.clear();
  return Receive::CLOSED;
}

bool Connection::reply(uint32_t request, const void* payload, uint32_t size, Fd fd) {
  if (output_.size() == OUTPUT_MAX) {
    closed({.reason = Reason::REPLIES_UNREAD});
    return false;
  }
  const VhostUserHeader header = {request, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK, size};
  Output& output = output_.emplace_back();
  output.bytes.resize(sizeof header + size);
  std::memcpy(output.bytes.data(), &header, sizeof header);
  std::memcpy(output.bytes.data() + sizeof header, payload, size);
  output.fd = std::move(fd);
  return flush();
}

bool Connection::flush() {
  if (refusal_) return false;
  while (!output_.empty()) {
    Output& output = output_.front();
    iovec vector = {output.bytes.data() + output.sent, output.bytes.size() - output.sent};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header = {};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    if (output.fd) {
      header.msg_control = control;
      header.msg_controllen = sizeof control;
      cmsghdr* item = CMSG_FIRSTHDR(&header);
      item->cmsg_level = SOL_SOCKET;
      item->cmsg_type = SCM_RIGHTS;
      item->cmsg_len = CMSG_LEN(sizeof(int));
      const int fd = output.fd.get();
      std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
    }
    const ssize_t sent = sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      closed({.reason = Reason::WRITE_FAILED, .value = static_cast<uint64_t>(errno)});
      return false;
    }
    output.fd.reset();  // sent with the first byte
    output.sent += static_cast<size_t>(sent);
    if (output.sent == output.bytes.size()) output_.pop_front();
  }
  return true;
}

}  // namespace vhost_user_scmi
