#include "front_end.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>

#include "../socket.h"
#include "../virtio_ring.h"
#include "fail.h"

namespace vhost_user_scmi::bench {
namespace {

struct Frame {
  VhostUserHeader header;
  uint8_t payload[sizeof(VhostUserMemory)];
};
static_assert(offsetof(Frame, payload) == sizeof(VhostUserHeader));

const char* name_of(uint32_t request) {
  switch (request) {
    case VHOST_USER_GET_FEATURES: return "GET_FEATURES";
    case VHOST_USER_GET_PROTOCOL_FEATURES: return "GET_PROTOCOL_FEATURES";
    case VHOST_USER_SET_MEM_TABLE: return "SET_MEM_TABLE";
    case VHOST_USER_SET_VRING_NUM: return "SET_VRING_NUM";
    case VHOST_USER_SET_VRING_BASE: return "SET_VRING_BASE";
    case VHOST_USER_SET_VRING_ADDR: return "SET_VRING_ADDR";
    case VHOST_USER_SET_VRING_KICK: return "SET_VRING_KICK";
    case VHOST_USER_SET_VRING_CALL: return "SET_VRING_CALL";
    case VHOST_USER_SET_VRING_ERR: return "SET_VRING_ERR";
    case VHOST_USER_SET_VRING_ENABLE: return "SET_VRING_ENABLE";
    default: return "a request";
  }
}

}  // namespace

FrontEnd::FrontEnd(const std::string& path, uint64_t limit_ms) : path_(path) {
  if (const int error = connect_unix(path, socket_)) fail("%s: %s", path.c_str(), strerror(error));
  ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) peer_ = peer.pid;
  // From here on every exchange waits, but not for ever.
  fcntl(socket(), F_SETFL, 0);
  const timeval limit = {
      .tv_sec = static_cast<time_t>(limit_ms / 1000),
      .tv_usec = static_cast<suseconds_t>(limit_ms % 1000 * 1000),
  };
  setsockopt(socket(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

void FrontEnd::negotiate(uint64_t wanted) {
  const uint64_t offered = ask(VHOST_USER_GET_FEATURES);
  const uint64_t missing = wanted & ~offered;
  if (missing & feature_bit(VIRTIO_F_INDIRECT_DESC)) {
    fail("%s: the back end does not offer INDIRECT_DESC: try --descriptors direct", path_.c_str());
  }
  if (missing & feature_bit(VIRTIO_F_EVENT_IDX)) {
    fail("%s: the back end does not offer EVENT_IDX: try --event-idx off", path_.c_str());
  }
  uint64_t features = wanted | feature_bit(VIRTIO_F_VERSION_1);
  if (offered & feature_bit(VHOST_USER_F_PROTOCOL_FEATURES)) {
    features |= feature_bit(VHOST_USER_F_PROTOCOL_FEATURES);
    const uint64_t known = feature_bit(VHOST_USER_PROTOCOL_F_MQ) | feature_bit(VHOST_USER_PROTOCOL_F_REPLY_ACK);
    const uint64_t protocol = ask(VHOST_USER_GET_PROTOCOL_FEATURES) & known;
    acknowledges_ = protocol & feature_bit(VHOST_USER_PROTOCOL_F_REPLY_ACK);
    send(VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, sizeof protocol);
  }
  send(VHOST_USER_SET_OWNER, nullptr, 0);
  send(VHOST_USER_SET_FEATURES, &features, sizeof features);
}

void FrontEnd::share_memory(const VhostUserMemoryRegion& region, int file) {
  VhostUserMemory table = {};
  table.nregions = 1;
  table.regions[0] = region;
  tell(VHOST_USER_SET_MEM_TABLE, &table, offsetof(VhostUserMemory, regions) + sizeof region, file);
}

void FrontEnd::start(const RingSetup& ring) {
  tell_ring(VHOST_USER_SET_VRING_NUM, ring.num);
  tell_ring(VHOST_USER_SET_VRING_BASE, 0);
  tell(VHOST_USER_SET_VRING_ADDR, &ring.address, sizeof ring.address);
  tell_ring_fd(VHOST_USER_SET_VRING_CALL, ring.call);
  tell_ring_fd(VHOST_USER_SET_VRING_ERR, ring.error);
  tell_ring_fd(VHOST_USER_SET_VRING_KICK, ring.kick);
  tell_ring(VHOST_USER_SET_VRING_ENABLE, 1);
}

void FrontEnd::tell_ring(uint32_t request, uint32_t num) {
  const VhostUserVringState state = {.index = 0, .num = num};
  tell(request, &state, sizeof state);
}

void FrontEnd::tell_ring_fd(uint32_t request, int fd) {
  const uint64_t ring = 0;
  tell(request, &ring, sizeof ring, fd);
}

void FrontEnd::tell(uint32_t request, const void* payload, uint32_t size, int fd) {
  send(request, payload, size, fd, acknowledges_);
  if (!acknowledges_) {
    ask(VHOST_USER_GET_FEATURES);  // its reply comes after the work
    return;
  }
  uint64_t refused;
  receive(request, &refused, sizeof refused);
  if (refused != 0) fail("%s: the back end refuses %s", path_.c_str(), name_of(request));
}

uint64_t FrontEnd::ask(uint32_t request) {
  uint64_t value;
  send(request, nullptr, 0);
  receive(request, &value, sizeof value);
  return value;
}

void FrontEnd::send(uint32_t request, const void* payload, uint32_t size, int fd, bool need_reply) {
  Frame frame = {};
  frame.header = {request, VHOST_USER_VERSION | (need_reply ? VHOST_USER_NEED_REPLY_MASK : 0), size};
  if (size > 0) std::memcpy(frame.payload, payload, size);
  iovec part = {&frame, sizeof frame.header + size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(item), &fd, sizeof fd);
  }
  // A frame is far smaller than the socket's buffer, so it goes whole or not at all.
  const ssize_t sent = sendmsg(socket(), &message, MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(part.iov_len)) return;
  fail("%s: the back end takes no %s: %s", path_.c_str(), name_of(request), strerror(errno));
}

void FrontEnd::receive(uint32_t request, void* payload, uint32_t size) {
  VhostUserHeader header;
  read_whole(&header, sizeof header, name_of(request));
  const uint32_t flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK;
  if (header.request != request || (header.flags & flags) != flags || header.size != size) {
    fail("%s: the reply to %s is not one: request %u, flags 0x%x, %u bytes", path_.c_str(), name_of(request),
         header.request, header.flags, header.size);
  }
  read_whole(payload, size, name_of(request));
}

void FrontEnd::read_whole(void* to, size_t size, const char* what) {
  auto* at = static_cast<uint8_t*>(to);
  while (size > 0) {
    const ssize_t got = recv(socket(), at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) fail("%s: the back end does not answer %s", path_.c_str(), what);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      fail("%s: the back end closed the connection instead of answering %s", path_.c_str(), what);
    }
    if (got < 0) fail("%s: %s", path_.c_str(), strerror(errno));
    at += got;
    size -= static_cast<size_t>(got);
  }
}

}  // namespace vhost_user_scmi::bench
