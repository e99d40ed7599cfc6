// The vhost-user socket: endpoints, and one connection's framing. Knows sizes, not meanings.
//
// Nothing blocks: half a message waits for the rest, and a reply that the peer does not read waits in a small queue. Every
// descriptor received is owned at once, so each error path closes it.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "fd.h"
#include "refusal.h"
#include "vhost_user.h"

namespace vhost_user_scmi {

// Results: 0, or an errno with `out` untouched.
inline constexpr mode_t OWNER_ONLY = 0600;
// `mode`: permissions of the socket file, whatever the umask. Whoever may write to it may connect.
int listen_unix(const std::string& path, Fd& out, mode_t mode = OWNER_ONLY);
int connect_unix(const std::string& path, Fd& out);
// EAGAIN if nobody waits.
int accept_unix(int listener, Fd& out);

enum class SocketKind : uint8_t { LISTENING, CONNECTED, NEITHER };
// What an inherited descriptor is, for a Unix stream socket; NEITHER for everything else.
SocketKind socket_kind(int fd);

// The longest payload a request of ours has is 264 bytes; more than this is not vhost-user.
inline constexpr uint32_t PAYLOAD_MAX = 4096;
// SET_MEM_TABLE brings 8. The kernel drops what does not fit, and says so.
inline constexpr size_t MESSAGE_FDS_MAX = 32;

struct Message {
  VhostUserHeader header = {};
  alignas(8) uint8_t payload[PAYLOAD_MAX];
  std::vector<Fd> fds;

  // The payload as a T; zeros where the message is shorter.
  template <typename T>
  T payload_as() const {
    T value = {};
    std::memcpy(&value, payload, std::min<size_t>(sizeof value, header.size));
    return value;
  }

  bool need_reply() const { return header.flags & VHOST_USER_NEED_REPLY_MASK; }
};

enum class Receive : uint8_t { MESSAGE, AGAIN, CLOSED };

class Connection {
 public:
  explicit Connection(Fd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

  // MESSAGE: message() is whole, until the next call. CLOSED: the stream ended or framing broke, refusal() says how.
  Receive receive();
  Message& message() { return message_; }

  // False if the connection is unusable: refusal() says why. A descriptor is sent with the first byte.
  bool reply(uint32_t request, const void* payload, uint32_t size, Fd fd = Fd());
  // Sends what is queued. Same result.
  bool flush();
  bool wants_write() const { return !output_.empty(); }

  const Refusal& refusal() const { return refusal_; }

 private:
  struct Output {
    std::vector<uint8_t> bytes;
    size_t sent = 0;
    Fd fd;
  };

  Receive read_some(uint8_t* to, size_t wanted);
  bool well_framed();
  Receive closed(const Refusal& why);

  Fd fd_;
  Message message_;
  // Bytes of the header and payload that have arrived.
  size_t received_ = 0;
  bool whole_ = false;
  std::deque<Output> output_;
  Refusal refusal_;
};

}  // namespace vhost_user_scmi
