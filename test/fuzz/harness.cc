#include "harness.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace vhost_user_scmi::fuzz {
namespace {

constexpr uint64_t FEATURES = feature_bit(VIRTIO_SCMI_F_P2A_CHANNELS) | feature_bit(VIRTIO_F_INDIRECT_DESC) |
                              feature_bit(VIRTIO_F_EVENT_IDX) | feature_bit(VHOST_USER_F_PROTOCOL_FEATURES) |
                              feature_bit(VIRTIO_F_VERSION_1);
constexpr uint64_t PROTOCOL_FEATURES = feature_bit(VHOST_USER_PROTOCOL_F_MQ) |
                                       feature_bit(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
                                       feature_bit(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) |
                                       feature_bit(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
                                       feature_bit(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
                                       feature_bit(VHOST_USER_PROTOCOL_F_STATUS);
constexpr SessionOptions OFFER = {.features = FEATURES, .protocol_features = PROTOCOL_FEATURES};
// Polling the ring would only take time: nobody writes to it meanwhile.
constexpr WatchOptions NO_WATCH = {.ns = 0};
// A guest that offers chains faster than they are answered would keep the pump going for ever.
constexpr int VISITS_MAX = 8;

Fd new_eventfd() { return Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

}  // namespace

int free_descriptor() {
  const int fd = dup(STDERR_FILENO);
  close(fd);
  return fd;
}

Batch Rig::batch_;

Rig::Rig()
    : file_(memfd_create("guest", MFD_CLOEXEC)),
      call_(new_eventfd()),
      session_(OFFER, *this),
      pump_(session_, batch_, *this, latencies_, NO_WATCH),
      event_buffers_(session_, batch_),
      held_replies_(session_) {
  // As Node does: writing to a closed pipe is then an error, not a signal.
  signal(SIGPIPE, SIG_IGN);
  CHECK(file_ && ftruncate(file_.get(), MEMORY_BYTES) == 0);
  memory_ = static_cast<uint8_t*>(mmap(nullptr, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0));
  CHECK(memory_ != MAP_FAILED);
  for (Fd& kick : kicks_) kick = new_eventfd();
  connect();
}

Rig::~Rig() {
  session_.close();
  CHECK(watched_[CMDQ] < 0 && watched_[EVENTQ] < 0 && !connection_watched_ && !windows_valid_);
  munmap(memory_, MEMORY_BYTES);
}

void Rig::connect() {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  socket_.reset(ends[0]);
  received_.clear();
  connection_watched_ = true;
  session_.connect(Fd(ends[1]));
  hear_events();
}

void Rig::reconnect() {
  socket_.reset();
  while (session_.connected()) {
    session_.receive();
    hear_events();
  }
  connect();
}

int Rig::fd_of(FdKind kind, std::vector<Fd>& owned) {
  int ends[2];
  switch (kind) {
    case FdKind::MEMORY: return file_.get();
    case FdKind::KICK_0: return kicks_[0].get();
    case FdKind::KICK_1: return kicks_[1].get();
    case FdKind::CALL: return call_.get();
    case FdKind::PIPE:
      CHECK(pipe2(ends, O_CLOEXEC) == 0);
      owned.emplace_back(ends[0]);
      return owned.emplace_back(ends[1]).get();
    case FdKind::SOCKET:
      CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
      owned.emplace_back(ends[0]);
      return owned.emplace_back(ends[1]).get();
    case FdKind::EMPTY_FILE: return owned.emplace_back(memfd_create("empty", MFD_CLOEXEC)).get();
    case FdKind::DEVICE: return owned.emplace_back(open("/dev/null", O_RDWR | O_CLOEXEC)).get();
    default: return owned.emplace_back(new_eventfd()).get();
  }
}

void Rig::send(const VhostUserHeader& header, const void* payload, size_t size, const std::vector<FdKind>& kinds) {
  std::vector<Fd> owned;
  alignas(cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {};
  iovec parts[] = {{const_cast<VhostUserHeader*>(&header), sizeof header}, {const_cast<void*>(payload), size}};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const size_t count = std::min<size_t>(kinds.size(), 64);
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* item = CMSG_FIRSTHDR(&message);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) {
      const int fd = fd_of(kinds[i], owned);
      std::memcpy(CMSG_DATA(item) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Rig::raw(const uint8_t* bytes, size_t size) {
  ::send(socket_.get(), bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool Rig::settle() {
  do {
    hear_events();
  } while (session_.receive());
  hear_events();
  if (!session_.connected()) {
    read_replies();
    return false;
  }
  if (unread_ > 0) {
    unread_--;
    return true;
  }
  const bool intact = read_replies();
  session_.flush_output();
  hear_events();
  return intact && session_.connected();
}

// Checks that every frame is a reply as QEMU expects it. False at the end of the stream.
bool Rig::read_replies() {
  for (;;) {
    uint8_t chunk[4096];
    iovec part = {chunk, sizeof chunk};
    alignas(cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))];
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    for (cmsghdr* item = got >= 0 ? CMSG_FIRSTHDR(&message) : nullptr; item; item = CMSG_NXTHDR(&message, item)) {
      for (size_t i = 0; i < (item->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
        close(fd);
      }
    }
    if (got <= 0) {
      if (got == 0 || errno != EAGAIN) return false;
      break;
    }
    received_.insert(received_.end(), chunk, chunk + got);
  }
  size_t at = 0;
  while (received_.size() - at >= sizeof(VhostUserHeader)) {
    VhostUserHeader header;
    std::memcpy(&header, received_.data() + at, sizeof header);
    CHECK(header.flags == (VHOST_USER_VERSION | VHOST_USER_REPLY_MASK));
    CHECK(header.size <= sizeof(VhostUserInflight));
    if (received_.size() - at < sizeof header + header.size) break;
    at += sizeof header + header.size;
  }
  received_.erase(received_.begin(), received_.begin() + static_cast<ptrdiff_t>(at));
  return true;
}

// What JavaScript does on an event.
void Rig::hear_events() {
  while (session_.has_events()) {
    const Event event = session_.take_event();
    CHECK(event.queue < static_cast<int>(QUEUES) && event.text.size() < 1024);
    if (event.kind == EventKind::MEMORY || event.kind == EventKind::DISCONNECTED) {
      windows_ = session_.memory().windows();
      windows_valid_ = true;
    }
    if (event.kind == EventKind::DISCONNECTED) windows_valid_ = false;
  }
}

void Rig::kick(unsigned queue) {
  const uint64_t one = 1;
  CHECK(write(kicks_[queue].get(), &one, sizeof one) == sizeof one || errno == EAGAIN);
  if (watched_[queue] >= 0) session_.drain_kick(queue);
  hear_events();
  if (queue == EVENTQ) {
    session_.announce_event_buffers();
  } else {
    for (int i = 0; i < VISITS_MAX && pump_.visit() == Pump::Next::CONTINUE; i++) hear_events();
  }
  hear_events();
}

void Rig::send_event(uint32_t size) {
  const int64_t capacity = event_buffers_.peek();
  if (capacity >= 0) {
    const Entry& entry = batch_.shared()->entries[BATCH_MAX];
    CHECK(static_cast<int64_t>(entry.reply_capacity) == capacity);
    check_entry(entry);
  }
  event_buffers_.commit(size);
  hear_events();
}

void Rig::truncate(uint64_t size) { CHECK(ftruncate(file_.get(), static_cast<off_t>(size)) == 0); }

void Rig::answer(uint32_t count) {
  for (; count > 0; count = pump_.next()) {
    CHECK(count <= BATCH_MAX);
    for (uint32_t i = 0; i < count; i++) {
      Entry& entry = batch_.shared()->entries[i];
      CHECK(entry.written == 0);
      check_entry(entry);
      entry.written = written_;
      tickets_[messages_++ % std::size(tickets_)] = entry.ticket;
    }
    if (gives_up_) return;
  }
}

void Rig::answer_late(uint8_t which, uint32_t size) {
  const std::vector<uint8_t> bytes(size, 0x5a);
  const uint32_t ticket = tickets_[which % std::size(tickets_)] + which / std::size(tickets_);
  held_replies_.complete(ticket, bytes.data(), bytes.size(), size % 2 ? std::optional(size) : std::nullopt);
  hear_events();
}

void Rig::break_down(unsigned queue) {
  session_.break_down(queue);
  hear_events();
}

// Request and reply must be at the entry's offsets and accessible: JavaScript's DataViews would throw otherwise.
void Rig::check_entry(const Entry& entry) {
  const auto shared = batch_.shared();
  const auto window = [&](uint32_t index) -> MemoryMap::Window {
    if (index == SCRATCH_WINDOW) return {reinterpret_cast<uint8_t*>(shared->scratch), sizeof shared->scratch};
    CHECK(windows_valid_ && index <= windows_.size());
    return windows_[index - 1];
  };
  const bool copied = entry.request_window == SCRATCH_WINDOW;
  const uint32_t given = copied ? std::min(entry.request_length, MESSAGE_MAX) : entry.request_length;
  if (entry.reply_window == SCRATCH_WINDOW) CHECK(entry.reply_capacity <= MESSAGE_MAX);
  look_at(window(entry.request_window), entry.request_offset, given, false);
  look_at(window(entry.reply_window), entry.reply_offset, entry.reply_capacity, true);
}

// Touches both ends: memory that was cut off is survived.
void Rig::look_at(const MemoryMap::Window& window, uint64_t offset, uint64_t length, bool write) {
  CHECK(offset <= window.bytes && length <= window.bytes - offset);
  if (length == 0) return;
  volatile uint8_t* first = window.data + offset;
  volatile uint8_t* last = first + length - 1;
  if (write) {
    *first = 0x5a;
    *last = 0x5a;
  } else {
    (void)(*first + *last);
  }
}

bool Rig::watch_kick(unsigned queue, int fd) {
  CHECK(watched_[queue] < 0 && fd >= 0);
  // Descriptors that epoll does not support.
  struct stat file;
  if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) return false;
  watched_[queue] = fd;
  return true;
}

void Rig::unwatch_kick(unsigned queue) { watched_[queue] = -1; }

void Rig::unwatch_connection() { connection_watched_ = false; }

void Rig::detach_windows() {
  windows_.clear();
  windows_valid_ = false;
}

}  // namespace vhost_user_scmi::fuzz
