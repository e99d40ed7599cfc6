#include "epoll_floor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "../socket.h"
#include "../vhost_user.h"
#include "../virtio_ring.h"
#include "fail.h"

namespace vhost_user_scmi::bench {
namespace {

constexpr uint64_t FEATURES = feature_bit(VIRTIO_F_VERSION_1) | feature_bit(VIRTIO_F_INDIRECT_DESC) |
                              feature_bit(VIRTIO_F_EVENT_IDX) | feature_bit(VHOST_USER_F_PROTOCOL_FEATURES);
constexpr uint64_t PROTOCOL_FEATURES =
    feature_bit(VHOST_USER_PROTOCOL_F_MQ) | feature_bit(VHOST_USER_PROTOCOL_F_REPLY_ACK);
constexpr uint64_t QUEUES = 2;

// One device. Its front end is ours, and sends everything once, in the usual order; only queue 0 is ever used.
class Device {
 public:
  Device(const std::string& path, const ConstantAnswers& answers, int epoll, uint32_t number)
      : answers_(answers), epoll_(epoll), number_(number) {
    if (const int error = listen_unix(path, listener_)) fail("%s: %s", path.c_str(), strerror(error));
    watch(listener_.get(), ON_LISTENER);
  }

  enum Source : uint32_t { ON_LISTENER, ON_CONNECTION, ON_KICK };
  void on_event(Source source) {
    if (source == ON_LISTENER) {
      accept();
    } else if (source == ON_CONNECTION) {
      receive();
    } else {
      on_kick();
    }
  }

 private:
  void watch(int fd, Source source);
  void accept();
  void receive();
  void handle(Message& message);
  void forget();
  void on_kick();
  void answer(uint16_t head);
  bool enable_kicks();

  const ConstantAnswers& answers_;
  const int epoll_;
  const uint32_t number_;
  Fd listener_;
  std::optional<Connection> connection_;
  uint64_t features_ = 0;
  VhostUserMemoryRegion region_ = {};
  uint8_t* memory_ = nullptr;
  uint16_t num_ = 0;
  uint16_t next_ = 0;
  VirtqDesc* descriptors_ = nullptr;
  VirtqAvail* avail_ = nullptr;
  VirtqUsed* used_ = nullptr;
  Fd kick_;
  Fd call_;
};

void Device::watch(int fd, Source source) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = uint64_t{number_} << 32 | source;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl: %s", strerror(errno));
}

void Device::accept() {
  Fd fd;
  if (accept_unix(listener_.get(), fd) != 0) return;
  forget();
  watch(fd.get(), ON_CONNECTION);
  connection_.emplace(std::move(fd));
}

void Device::forget() {
  connection_.reset();
  kick_.reset();
  call_.reset();
  if (memory_ != nullptr) munmap(memory_, region_.size);
  memory_ = nullptr;
}

void Device::receive() {
  for (;;) {
    const Receive result = connection_->receive();
    if (result == Receive::AGAIN) return;
    if (result == Receive::CLOSED) return forget();
    handle(connection_->message());
  }
}

void Device::handle(Message& message) {
  const auto reply = [&](uint64_t value) {
    connection_->reply(message.header.request, &value, sizeof value);
  };
  uint64_t value;
  std::memcpy(&value, message.payload, sizeof value);
  VhostUserVringState state;
  std::memcpy(&state, message.payload, sizeof state);
  const auto host = [this](uint64_t user) { return memory_ + (user - region_.user_address); };

  switch (message.header.request) {
    case VHOST_USER_GET_FEATURES: return reply(FEATURES);
    case VHOST_USER_GET_PROTOCOL_FEATURES: return reply(PROTOCOL_FEATURES);
    case VHOST_USER_GET_QUEUE_NUM: return reply(QUEUES);
    case VHOST_USER_SET_FEATURES: features_ = value; break;
    case VHOST_USER_SET_MEM_TABLE: {
      std::memcpy(&region_, message.payload + offsetof(VhostUserMemory, regions), sizeof region_);
      void* memory = mmap(nullptr, region_.size, PROT_READ | PROT_WRITE, MAP_SHARED, message.fds.at(0).get(), 0);
      if (memory == MAP_FAILED) fail("mmap: %s", strerror(errno));
      memory_ = static_cast<uint8_t*>(memory);
      break;
    }
    case VHOST_USER_SET_VRING_NUM: num_ = static_cast<uint16_t>(state.num); break;
    case VHOST_USER_SET_VRING_BASE: next_ = static_cast<uint16_t>(state.num); break;
    case VHOST_USER_SET_VRING_ADDR: {
      VhostUserVringAddr address;
      std::memcpy(&address, message.payload, sizeof address);
      descriptors_ = reinterpret_cast<VirtqDesc*>(host(address.descriptor));
      avail_ = reinterpret_cast<VirtqAvail*>(host(address.available));
      used_ = reinterpret_cast<VirtqUsed*>(host(address.used));
      break;
    }
    case VHOST_USER_SET_VRING_CALL: call_ = std::move(message.fds.at(0)); break;
    case VHOST_USER_SET_VRING_KICK:
      kick_ = std::move(message.fds.at(0));
      watch(kick_.get(), ON_KICK);
      break;
    default: break;
  }
  if (message.need_reply()) reply(0);
}

// Answers all there is, signals once, sleeps again.
void Device::on_kick() {
  uint64_t count;
  if (read(kick_.get(), &count, sizeof count) < 0) return;
  const uint64_t one = 1;
  const bool event_idx = features_ & feature_bit(VIRTIO_F_EVENT_IDX);
  do {
    if (!event_idx) __atomic_store_n(&used_->flags, VIRTQ_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
    const uint16_t used_before = used_->idx;
    while (__atomic_load_n(&avail_->idx, __ATOMIC_ACQUIRE) != next_) answer(avail_->ring[next_++ & (num_ - 1)]);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const uint16_t used_now = used_->idx;
    const auto wish = static_cast<uint16_t>(used_now - avail_->ring[num_] - 1);
    const bool wanted = event_idx ? wish < static_cast<uint16_t>(used_now - used_before)
                                  : used_now != used_before && !(avail_->flags & VIRTQ_AVAIL_F_NO_INTERRUPT);
    if (wanted && write(call_.get(), &one, sizeof one) < 0 && errno != EAGAIN) fail("call: %s", strerror(errno));
  } while (enable_kicks());
}

void Device::answer(uint16_t head) {
  const auto host = [this](uint64_t guest) { return memory_ + (guest - region_.guest_address); };
  const VirtqDesc* request = &descriptors_[head];
  const VirtqDesc* table = descriptors_;
  if (request->flags & VIRTQ_DESC_F_INDIRECT) {
    request = table = reinterpret_cast<const VirtqDesc*>(host(request->addr));
  }
  const VirtqDesc* reply = &table[request->next];
  uint32_t header;
  std::memcpy(&header, host(request->addr), sizeof header);
  const uint32_t written = answers_.write(header, host(reply->addr), reply->len);
  used_->ring[used_->idx & (num_ - 1)] = {head, written};
  __atomic_store_n(&used_->idx, static_cast<uint16_t>(used_->idx + 1), __ATOMIC_RELEASE);
}

// True if something came before kicks were asked for.
bool Device::enable_kicks() {
  if (features_ & feature_bit(VIRTIO_F_EVENT_IDX)) {
    auto* avail_event = reinterpret_cast<uint16_t*>(&used_->ring[num_]);
    __atomic_store_n(avail_event, next_, __ATOMIC_RELAXED);
  } else {
    __atomic_store_n(&used_->flags, uint16_t{0}, __ATOMIC_RELAXED);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return __atomic_load_n(&avail_->idx, __ATOMIC_RELAXED) != next_;
}

}  // namespace

void serve_epoll_floor(const std::vector<std::string>& paths, const ConstantAnswers& answers) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) fail("epoll_create1: %s", strerror(errno));
  std::vector<std::unique_ptr<Device>> devices;
  for (const std::string& path : paths) {
    devices.push_back(std::make_unique<Device>(path, answers, epoll, static_cast<uint32_t>(devices.size())));
  }
  puts("ready");
  fflush(stdout);
  std::array<epoll_event, 64> events;
  for (;;) {
    const int ready = epoll_wait(epoll, events.data(), events.size(), -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
      const uint64_t data = events[static_cast<size_t>(i)].data.u64;
      devices[data >> 32]->on_event(static_cast<Device::Source>(data & UINT32_MAX));
    }
  }
}

}  // namespace vhost_user_scmi::bench
