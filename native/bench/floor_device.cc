#include "floor_device.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "fail.h"

namespace vhost_user_scmi::bench {
namespace {

constexpr uint64_t FEATURES = feature_bit(VIRTIO_F_VERSION_1) | feature_bit(VIRTIO_F_INDIRECT_DESC) |
                              feature_bit(VIRTIO_F_EVENT_IDX) | feature_bit(VHOST_USER_F_PROTOCOL_FEATURES);
constexpr uint64_t PROTOCOL_FEATURES =
    feature_bit(VHOST_USER_PROTOCOL_F_MQ) | feature_bit(VHOST_USER_PROTOCOL_F_REPLY_ACK);
constexpr uint64_t QUEUES = 2;

}  // namespace

FloorDevice::FloorDevice(const std::string& path, const ConstantAnswers& answers, Watch watch)
    : answers_(answers), watch_(std::move(watch)) {
  if (const int error = listen_unix(path, listener_)) fail("%s: %s", path.c_str(), strerror(error));
  watch_(listener_.get(), Source::LISTENER);
}

void FloorDevice::accept() {
  Fd fd;
  if (accept_unix(listener_.get(), fd) != 0) return;
  forget();
  watch_(fd.get(), Source::CONNECTION);
  connection_.emplace(std::move(fd));
}

void FloorDevice::forget() {
  connection_.reset();
  kick_.reset();
  call_.reset();
  if (memory_ != nullptr) munmap(memory_, region_.size);
  memory_ = nullptr;
}

void FloorDevice::receive() {
  for (;;) {
    const Receive result = connection_->receive();
    if (result == Receive::AGAIN) return;
    if (result == Receive::CLOSED) return forget();
    handle(connection_->message());
  }
}

void FloorDevice::handle(Message& message) {
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
    case VHOST_USER_SET_VRING_BASE: next_ = used_idx_ = static_cast<uint16_t>(state.num); break;
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
      watch_(kick_.get(), Source::KICK);
      break;
    default: break;
  }
  if (message.need_reply()) reply(0);
}

bool FloorDevice::work() {
  if (__atomic_load_n(&avail_->idx, __ATOMIC_ACQUIRE) == next_) return false;
  const uint16_t used_before = used_idx_;
  do {
    answer(avail_->ring[next_++ & (num_ - 1)]);
  } while (__atomic_load_n(&avail_->idx, __ATOMIC_ACQUIRE) != next_);
  signal(used_before);
  return true;
}

void FloorDevice::answer(uint16_t head) {
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
  used_->ring[used_idx_++ & (num_ - 1)] = {head, written};
  __atomic_store_n(&used_->idx, used_idx_, __ATOMIC_RELEASE);
}

void FloorDevice::signal(uint16_t used_before) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const auto behind = static_cast<uint16_t>(used_idx_ - avail_->ring[num_] - 1);
  const bool wanted = event_idx() ? behind < static_cast<uint16_t>(used_idx_ - used_before)
                                  : !(avail_->flags & VIRTQ_AVAIL_F_NO_INTERRUPT);
  const uint64_t one = 1;
  if (wanted && write(call_.get(), &one, sizeof one) < 0 && errno != EAGAIN) fail("call: %s", strerror(errno));
}

void FloorDevice::read_kick() {
  uint64_t count;
  if (read(kick_.get(), &count, sizeof count) < 0 && errno != EAGAIN) fail("kick: %s", strerror(errno));
}

// With EVENT_IDX, avail_event simply stays behind.
void FloorDevice::suppress_kicks() {
  if (!event_idx()) __atomic_store_n(&used_->flags, VIRTQ_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}

bool FloorDevice::enable_kicks() {
  if (event_idx()) {
    auto* avail_event = reinterpret_cast<uint16_t*>(&used_->ring[num_]);
    __atomic_store_n(avail_event, next_, __ATOMIC_RELAXED);
  } else {
    __atomic_store_n(&used_->flags, uint16_t{0}, __ATOMIC_RELAXED);
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return __atomic_load_n(&avail_->idx, __ATOMIC_RELAXED) != next_;
}

}  // namespace vhost_user_scmi::bench
