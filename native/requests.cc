// What each front-end request does (vhost-user, "Front-end message types"), in the order of their numbers, and the
// table that names their sizes. Handlers validate, act, and return an outcome; session.cc turns that into a reply.
#include <fcntl.h>

#include <bit>
#include <cstring>
#include <iterator>

#include "session.h"

namespace vhost_user_scmi {
namespace {

template <typename T>
T payload(const Message& message) {
  T value = {};
  std::memcpy(&value, message.payload, std::min<size_t>(sizeof value, message.header.size));
  return value;
}

// Nothing here may block on a descriptor that the front end chose.
void set_nonblocking(const Fd& fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags >= 0 && !(flags & O_NONBLOCK)) fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
}

}  // namespace

const Session::RequestRule Session::RULES[] = {
    {VHOST_USER_GET_FEATURES, "GET_FEATURES", 0, 0, 0, 0, &Session::get_features},
    {VHOST_USER_SET_FEATURES, "SET_FEATURES", 8, 8, 0, 0, &Session::set_features},
    {VHOST_USER_SET_OWNER, "SET_OWNER", 0, 0, 0, 0, &Session::set_owner},
    {VHOST_USER_RESET_OWNER, "RESET_OWNER", 0, 0, 0, 0, &Session::reset_owner},
    {VHOST_USER_SET_MEM_TABLE, "SET_MEM_TABLE", 8, PAYLOAD_MAX, 0, MESSAGE_FDS_MAX, &Session::set_mem_table},
    {VHOST_USER_SET_VRING_NUM, "SET_VRING_NUM", 8, 8, 0, 0, &Session::set_vring_num},
    {VHOST_USER_SET_VRING_ADDR, "SET_VRING_ADDR", 40, 40, 0, 0, &Session::set_vring_addr},
    {VHOST_USER_SET_VRING_BASE, "SET_VRING_BASE", 8, 8, 0, 0, &Session::set_vring_base},
    {VHOST_USER_GET_VRING_BASE, "GET_VRING_BASE", 8, 8, 0, 0, &Session::get_vring_base},
    {VHOST_USER_SET_VRING_KICK, "SET_VRING_KICK", 8, 8, 0, 1, &Session::set_vring_kick},
    {VHOST_USER_SET_VRING_CALL, "SET_VRING_CALL", 8, 8, 0, 1, &Session::set_vring_call},
    {VHOST_USER_SET_VRING_ERR, "SET_VRING_ERR", 8, 8, 0, 1, &Session::set_vring_err},
    {VHOST_USER_GET_PROTOCOL_FEATURES, "GET_PROTOCOL_FEATURES", 0, 0, 0, 0, &Session::get_protocol_features},
    {VHOST_USER_SET_PROTOCOL_FEATURES, "SET_PROTOCOL_FEATURES", 8, 8, 0, 0, &Session::set_protocol_features},
    {VHOST_USER_GET_QUEUE_NUM, "GET_QUEUE_NUM", 0, 0, 0, 0, &Session::get_queue_num},
    {VHOST_USER_SET_VRING_ENABLE, "SET_VRING_ENABLE", 8, 8, 0, 0, &Session::set_vring_enable},
    {VHOST_USER_GET_INFLIGHT_FD, "GET_INFLIGHT_FD", 20, 24, 0, 0, &Session::get_inflight_fd},
    {VHOST_USER_SET_INFLIGHT_FD, "SET_INFLIGHT_FD", 20, 24, 1, 1, &Session::set_inflight_fd},
    {VHOST_USER_RESET_DEVICE, "RESET_DEVICE", 0, 0, 0, 0, &Session::reset_device},
    {VHOST_USER_GET_MAX_MEM_SLOTS, "GET_MAX_MEM_SLOTS", 0, 0, 0, 0, &Session::get_max_mem_slots},
    {VHOST_USER_ADD_MEM_REG, "ADD_MEM_REG", 40, 40, 1, 1, &Session::add_mem_reg},
    // Some front ends send the descriptor here too; it is closed.
    {VHOST_USER_REM_MEM_REG, "REM_MEM_REG", 40, 40, 0, 1, &Session::rem_mem_reg},
    {VHOST_USER_SET_STATUS, "SET_STATUS", 8, 8, 0, 0, &Session::set_status},
    {VHOST_USER_GET_STATUS, "GET_STATUS", 0, 0, 0, 0, &Session::get_status},
};

const Session::RequestRule* Session::rule_of(uint32_t request) {
  for (const RequestRule& rule : RULES) {
    if (rule.request == request) return &rule;
  }
  return nullptr;
}

Session::Outcome Session::get_features(Message& message) { return reply(message, options_.features); }

Session::Outcome Session::set_features(Message& message) {
  const auto features = payload<uint64_t>(message);
  // Checked against the offer, not against what this connection asked for: after a reconnect nobody asks.
  if (const uint64_t extra = features & ~options_.features) {
    return Refusal{.reason = Reason::NOT_OFFERED, .value = extra};
  }
  features_ = features;
  if (features & feature_bit(VHOST_USER_F_PROTOCOL_FEATURES)) return {};
  // "Ring states": without this bit there is no SET_VRING_ENABLE, and rings start enabled. With it they stay as they
  // are.
  for (Vring& vring : vrings_) vring.enabled = true;
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    if (const Refusal refusal = start(queue)) return refusal;
  }
  return {};
}

Session::Outcome Session::set_owner(Message&) { return {}; }

// Deprecated; the specification recommends to ignore it or to disable all rings.
Session::Outcome Session::reset_owner(Message&) {
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    stop(queue);
    vrings_[queue].enabled = false;
  }
  return {};
}

Session::Outcome Session::set_mem_table(Message& message) {
  const auto table = payload<VhostUserMemory>(message);
  const uint32_t n = table.nregions;
  if (n == 0 || n > VHOST_USER_MEMORY_BASELINE_NREGIONS) {
    return Refusal{.reason = Reason::REGION_COUNT, .count = n, .min = 1, .max = VHOST_USER_MEMORY_BASELINE_NREGIONS};
  }
  const size_t size = offsetof(VhostUserMemory, regions) + n * sizeof(VhostUserMemoryRegion);
  if (message.header.size != size) {
    return Refusal{.reason = Reason::TABLE_SIZE, .value = message.header.size, .count = n, .min = size};
  }
  if (message.fds.size() != n) {
    return Refusal{.reason = Reason::TABLE_DESCRIPTORS, .value = message.fds.size(), .count = n};
  }
  // The new table is mapped whole before the old one goes: refused, it leaves everything as it was.
  MemoryMap fresh;
  for (uint32_t i = 0; i < n; i++) {
    if (const Refusal refusal = fresh.add(table.regions[i], message.fds[i].get())) return refusal;
  }
  change_memory([&] { memory_ = std::move(fresh); });
  return {};
}

Session::Outcome Session::set_vring_num(Message& message) {
  const auto state = payload<VhostUserVringState>(message);
  if (const Refusal refusal = check_settable(state.index)) return refusal;
  if (state.num > QUEUE_SIZE_MAX || !std::has_single_bit(state.num)) {
    return Refusal{
        .reason = Reason::BAD_QUEUE_SIZE, .index = state.index, .value = state.num, .max = QUEUE_SIZE_MAX};
  }
  vrings_[state.index].num = static_cast<uint16_t>(state.num);
  return start(state.index);
}

Session::Outcome Session::set_vring_addr(Message& message) {
  const auto address = payload<VhostUserVringAddr>(message);
  if (const Refusal refusal = check_settable(address.index)) return refusal;
  if (address.flags != 0) {
    return Refusal{.reason = Reason::LOGGING_NOT_OFFERED, .index = address.index, .value = address.flags};
  }
  Vring& vring = vrings_[address.index];
  if (!memory_.empty()) {
    // Every start resolves them anew; looking now tells the front end which request is wrong.
    RingPointers ignored;
    const uint32_t num = vring.num != 0 ? vring.num : 1;
    if (const Refusal refusal = resolve(address, num, memory_, ignored)) return refusal;
  }
  vring.address = address;
  vring.has_address = true;
  return start(address.index);
}

Session::Outcome Session::set_vring_base(Message& message) {
  const auto state = payload<VhostUserVringState>(message);
  if (const Refusal refusal = check_settable(state.index)) return refusal;
  if (state.num > UINT16_MAX) {
    return Refusal{.reason = Reason::BASE_NOT_16_BITS, .index = state.index, .value = state.num};
  }
  vrings_[state.index].base = static_cast<uint16_t>(state.num);
  vrings_[state.index].has_base = true;
  return start(state.index);
}

Session::Outcome Session::get_vring_base(Message& message) {
  auto state = payload<VhostUserVringState>(message);
  if (const Refusal refusal = check_ring(state.index)) return refusal;
  // Nothing is in work between two requests: batches are answered whole, but for what is held, which is given up. So
  // this stops the ring for good, and the base is the first chain that was not taken.
  stop(state.index);
  host_.unwatch_kick(state.index);
  Vring& vring = vrings_[state.index];
  vring.started = false;
  vring.faulted = false;
  vring.kick.reset();
  vring.call.reset();
  state.num = vring.base;
  return reply(message, &state, sizeof state);
}

Session::Outcome Session::set_vring_kick(Message& message) {
  unsigned queue;
  Fd fd;
  if (const Refusal refusal = take_ring_fd(message, queue, fd)) return refusal;
  Vring& vring = vrings_[queue];
  host_.unwatch_kick(queue);
  if (fd && !host_.watch_kick(queue, fd.get())) {
    if (vring.kick && !vring.faulted) host_.watch_kick(queue, vring.kick.get());
    return Refusal{.reason = Reason::KICK_NOT_WAITABLE, .index = queue};
  }
  vring.kick = std::move(fd);
  vring.started = true;
  if (vring.faulted) host_.unwatch_kick(queue);
  return start(queue);
}

Session::Outcome Session::set_vring_call(Message& message) {
  unsigned queue;
  Fd fd;
  if (const Refusal refusal = take_ring_fd(message, queue, fd)) return refusal;
  vrings_[queue].call = std::move(fd);
  // Completions may have gone to the old one, and their signals been lost with a former front end.
  signal_event(vrings_[queue].call);
  return {};
}

Session::Outcome Session::set_vring_err(Message& message) {
  unsigned queue;
  Fd fd;
  if (const Refusal refusal = take_ring_fd(message, queue, fd)) return refusal;
  vrings_[queue].err = std::move(fd);
  return {};
}

Session::Outcome Session::get_protocol_features(Message& message) {
  return reply(message, options_.protocol_features);
}

// Nothing follows from these: what they would allow is accepted anyway, and REPLY_ACK is a flag in each message.
Session::Outcome Session::set_protocol_features(Message& message) {
  if (const uint64_t extra = payload<uint64_t>(message) & ~options_.protocol_features) {
    return Refusal{.reason = Reason::NOT_OFFERED, .value = extra};
  }
  return {};
}

Session::Outcome Session::get_queue_num(Message& message) { return reply(message, uint64_t{QUEUES}); }

Session::Outcome Session::set_vring_enable(Message& message) {
  const auto state = payload<VhostUserVringState>(message);
  if (const Refusal refusal = check_ring(state.index)) return refusal;
  if (state.num > 1) return Refusal{.reason = Reason::NOT_A_BOOLEAN, .value = state.num};
  // A ring nobody set up can be enabled: QEMU does that with the event queue.
  vrings_[state.index].enabled = state.num == 1;
  if (state.num == 0) stop(state.index);
  return start(state.index);
}

Session::Outcome Session::get_inflight_fd(Message& message) {
  auto inflight = payload<VhostUserInflight>(message);
  if (const Refusal refusal = check_inflight(inflight)) return refusal;
  Fd fd = InflightRegion::create(inflight.num_queues, inflight.queue_size);
  if (!fd) return Refusal{.reason = Reason::INFLIGHT_NOT_CREATED};
  inflight.mmap_size = InflightRegion::bytes(inflight.num_queues, inflight.queue_size);
  inflight.mmap_offset = 0;
  return reply(message, &inflight, message.header.size, std::move(fd));
}

Session::Outcome Session::set_inflight_fd(Message& message) {
  const auto inflight = payload<VhostUserInflight>(message);
  if (const Refusal refusal = check_inflight(inflight)) return refusal;
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    if (running(queue)) return Refusal{.reason = Reason::QUEUE_RUNS, .index = queue};
  }
  const uint64_t bytes = InflightRegion::bytes(inflight.num_queues, inflight.queue_size);
  if (inflight.mmap_size < bytes) {
    return Refusal{.reason = Reason::INFLIGHT_TOO_SMALL,
                   .index = inflight.num_queues,
                   .value = inflight.mmap_size,
                   .count = inflight.queue_size,
                   .min = bytes};
  }
  if (inflight.mmap_offset % INFLIGHT_ALIGN != 0) {
    return Refusal{.reason = Reason::INFLIGHT_MISALIGNED, .value = inflight.mmap_offset, .min = INFLIGHT_ALIGN};
  }
  InflightRegion region;
  const int fd = message.fds[0].get();
  if (const Refusal refusal =
          region.map(fd, inflight.mmap_offset, inflight.mmap_size, inflight.num_queues, inflight.queue_size)) {
    return refusal;
  }
  if (const auto version = region.foreign_version()) {
    return Refusal{.reason = Reason::INFLIGHT_VERSION, .value = *version, .max = INFLIGHT_VERSION};
  }
  inflight_ = std::move(region);
  return {};
}

Session::Outcome Session::reset_device(Message&) {
  reset_rings();
  return {};
}

Session::Outcome Session::get_max_mem_slots(Message& message) { return reply(message, uint64_t{MEM_SLOTS_MAX}); }

Session::Outcome Session::add_mem_reg(Message& message) {
  const auto region = payload<VhostUserMemRegMsg>(message).region;
  if (const Refusal refusal = memory_.add(region, message.fds[0].get())) return refusal;
  change_memory([] {});
  return {};
}

Session::Outcome Session::rem_mem_reg(Message& message) {
  const auto region = payload<VhostUserMemRegMsg>(message).region;
  if (!memory_.contains(region)) return Refusal{.reason = Reason::NO_SUCH_REGION, .region = region};
  change_memory([&] { memory_.remove(region); });
  return {};
}

Session::Outcome Session::set_status(Message& message) {
  const auto status = payload<uint64_t>(message);
  if (status > UINT8_MAX) return Refusal{.reason = Reason::NOT_A_STATUS, .value = status};
  status_ = static_cast<uint8_t>(status);
  // virtio 1.3 §2.1: writing 0 resets the device. No other value matters: QEMU never sets DRIVER_OK on this device.
  if (status_ == 0) reset_rings();
  return {};
}

Session::Outcome Session::get_status(Message& message) { return reply(message, uint64_t{status_}); }

Refusal Session::check_ring(uint32_t index) {
  return index < QUEUES ? Refusal{} : Refusal{.reason = Reason::NO_SUCH_QUEUE, .index = index};
}

Refusal Session::check_settable(uint32_t index) const {
  if (const Refusal refusal = check_ring(index)) return refusal;
  return running(index) ? Refusal{.reason = Reason::QUEUE_RUNS, .index = index} : Refusal{};
}

Refusal Session::take_ring_fd(Message& message, unsigned& queue, Fd& fd) {
  const auto value = payload<uint64_t>(message);
  if (value & ~(VHOST_USER_VRING_IDX_MASK | VHOST_USER_VRING_NOFD_MASK)) {
    return {.reason = Reason::UNDEFINED_BITS, .value = value};
  }
  const auto index = static_cast<uint32_t>(value & VHOST_USER_VRING_IDX_MASK);
  if (const Refusal refusal = check_ring(index)) return refusal;
  const bool without = value & VHOST_USER_VRING_NOFD_MASK;
  if (without != message.fds.empty()) {
    return {.reason = without ? Reason::DESCRIPTOR_UNWANTED : Reason::DESCRIPTOR_MISSING, .index = index};
  }
  queue = index;
  if (!without) {
    fd = std::move(message.fds[0]);
    set_nonblocking(fd);
  }
  return {};
}

Refusal Session::check_inflight(const VhostUserInflight& inflight) {
  if (inflight.num_queues == 0 || inflight.num_queues > QUEUES) {
    return {.reason = Reason::INFLIGHT_QUEUES, .value = inflight.num_queues, .max = QUEUES};
  }
  if (inflight.queue_size == 0 || inflight.queue_size > QUEUE_SIZE_MAX) {
    return {.reason = Reason::INFLIGHT_QUEUE_SIZE, .value = inflight.queue_size, .max = QUEUE_SIZE_MAX};
  }
  return {};
}

// As after a device reset (virtio 1.3 §2.4), the driver sets the rings up from the beginning. The call and error
// descriptors stay: they belong to the connection, and QEMU sends the latter only once.
void Session::reset_rings() {
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    stop(queue);
    host_.unwatch_kick(queue);
    Vring fresh;
    fresh.call = std::move(vrings_[queue].call);
    fresh.err = std::move(vrings_[queue].err);
    vrings_[queue] = std::move(fresh);
  }
}

// Rings that run go on over the new memory, without an event of their own; a ring that can't has broken down.
template <typename Change>
void Session::change_memory(Change change) {
  bool ran[QUEUES];
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    ran[queue] = running(queue);
    if (ran[queue]) halt(queue);
  }
  generation_++;
  host_.detach_windows();
  change();
  emit(EventKind::MEMORY);
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    if (const Refusal refusal = try_start(queue)) {
      fault(queue, refusal);
    } else if (ran[queue] && !running(queue)) {
      fault(queue, {.reason = Reason::REMOVED_IN_USE, .index = queue});
    } else if (!ran[queue] && running(queue)) {
      announce_start(queue);
    }
  }
}

}  // namespace vhost_user_scmi
