// What each front-end request does (vhost-user, "Front-end message types"), in the order of their numbers, and the
// table that names their sizes. Handlers validate, act, and return an outcome; session.cc turns that into a reply.
#include <fcntl.h>

#include <bit>
#include <cinttypes>
#include <cstring>
#include <iterator>

#include "session.h"
#include "text.h"

namespace vhost_user_scmi {
namespace {

template <typename T>
T payload(const Message& message) {
  T value = {};
  std::memcpy(&value, message.payload, std::min<size_t>(sizeof value, message.header.size));
  return value;
}

std::string region_text(const VhostUserMemoryRegion& region) {
  return text("the region of 0x%" PRIx64 " bytes at guest address 0x%" PRIx64 " (front end 0x%" PRIx64
              ", file offset 0x%" PRIx64 ")",
              region.size, region.guest_address, region.user_address, region.mmap_offset);
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
    return refused(text("bits 0x%" PRIx64 " were never offered", extra));
  }
  features_ = features;
  if (features & feature_bit(VHOST_USER_F_PROTOCOL_FEATURES)) return done();
  // "Ring states": without this bit there is no SET_VRING_ENABLE, and rings start enabled. With it they stay as they
  // are.
  for (Vring& vring : vrings_) vring.enabled = true;
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    if (Outcome outcome = start_or_refuse(queue); outcome.kind != Outcome::DONE) return outcome;
  }
  return done();
}

Session::Outcome Session::set_owner(Message&) { return done(); }

// Deprecated; the specification recommends to ignore it or to disable all rings.
Session::Outcome Session::reset_owner(Message&) {
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    stop(queue);
    vrings_[queue].enabled = false;
  }
  return done();
}

Session::Outcome Session::set_mem_table(Message& message) {
  const auto table = payload<VhostUserMemory>(message);
  const uint32_t n = table.nregions;
  if (n == 0 || n > VHOST_USER_MEMORY_BASELINE_NREGIONS) {
    return refused(text("it has %u regions, not 1 to %u", n, VHOST_USER_MEMORY_BASELINE_NREGIONS));
  }
  const size_t size = offsetof(VhostUserMemory, regions) + n * sizeof(VhostUserMemoryRegion);
  if (message.header.size != size) {
    return refused(text("its payload has %u bytes, not the %zu of %u regions", message.header.size, size, n));
  }
  if (message.fds.size() != n) {
    return refused(text("it came with %zu file descriptors for %u regions", message.fds.size(), n));
  }
  // The new table is mapped whole before the old one goes: refused, it leaves everything as it was.
  MemoryMap fresh;
  for (uint32_t i = 0; i < n; i++) {
    if (const MemoryError error = fresh.add(table.regions[i], message.fds[i].get())) {
      return refused(text("%s: %s", region_text(table.regions[i]).c_str(), describe(error)));
    }
  }
  change_memory([&] { memory_ = std::move(fresh); });
  return done();
}

Session::Outcome Session::set_vring_num(Message& message) {
  const auto state = payload<VhostUserVringState>(message);
  if (std::string reason = not_settable(state.index); !reason.empty()) return refused(std::move(reason));
  if (state.num > QUEUE_SIZE_MAX || !std::has_single_bit(state.num)) {
    return refused(text("%u is no size for queue %u: it must be a power of two up to %u", state.num, state.index,
                        QUEUE_SIZE_MAX));
  }
  vrings_[state.index].num = static_cast<uint16_t>(state.num);
  return start_or_refuse(state.index);
}

Session::Outcome Session::set_vring_addr(Message& message) {
  const auto address = payload<VhostUserVringAddr>(message);
  if (std::string reason = not_settable(address.index); !reason.empty()) return refused(std::move(reason));
  if (address.flags != 0) {
    return refused(text("flags 0x%x of queue %u ask for logging, which was not offered", address.flags, address.index));
  }
  Vring& vring = vrings_[address.index];
  if (!memory_.empty()) {
    // Every start resolves them anew; looking now tells the front end which request is wrong.
    RingPointers ignored;
    const uint32_t num = vring.num != 0 ? vring.num : 1;
    std::string reason = resolve(address, num, memory_, ignored);
    if (!reason.empty()) return refused(std::move(reason));
  }
  vring.address = address;
  vring.has_address = true;
  return start_or_refuse(address.index);
}

Session::Outcome Session::set_vring_base(Message& message) {
  const auto state = payload<VhostUserVringState>(message);
  if (std::string reason = not_settable(state.index); !reason.empty()) return refused(std::move(reason));
  if (state.num > UINT16_MAX) return refused(text("base %u of queue %u is no 16-bit index", state.num, state.index));
  vrings_[state.index].base = static_cast<uint16_t>(state.num);
  vrings_[state.index].has_base = true;
  return start_or_refuse(state.index);
}

Session::Outcome Session::get_vring_base(Message& message) {
  auto state = payload<VhostUserVringState>(message);
  if (std::string reason = no_such_ring(state.index); !reason.empty()) return refused(std::move(reason));
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
  if (std::string reason = take_ring_fd(message, queue, fd); !reason.empty()) return refused(std::move(reason));
  Vring& vring = vrings_[queue];
  host_.unwatch_kick(queue);
  if (fd && !host_.watch_kick(queue, fd.get())) {
    if (vring.kick && !vring.faulted) host_.watch_kick(queue, vring.kick.get());
    return refused(text("the kick descriptor of queue %u can't be waited on", queue));
  }
  vring.kick = std::move(fd);
  vring.started = true;
  if (vring.faulted) host_.unwatch_kick(queue);
  return start_or_refuse(queue);
}

Session::Outcome Session::set_vring_call(Message& message) {
  unsigned queue;
  Fd fd;
  if (std::string reason = take_ring_fd(message, queue, fd); !reason.empty()) return refused(std::move(reason));
  vrings_[queue].call = std::move(fd);
  // Completions may have gone to the old one, and their signals been lost with a former front end.
  signal_event(vrings_[queue].call);
  return done();
}

Session::Outcome Session::set_vring_err(Message& message) {
  unsigned queue;
  Fd fd;
  if (std::string reason = take_ring_fd(message, queue, fd); !reason.empty()) return refused(std::move(reason));
  vrings_[queue].err = std::move(fd);
  return done();
}

Session::Outcome Session::get_protocol_features(Message& message) {
  return reply(message, options_.protocol_features);
}

// Nothing follows from these: what they would allow is accepted anyway, and REPLY_ACK is a flag in each message.
Session::Outcome Session::set_protocol_features(Message& message) {
  if (const uint64_t extra = payload<uint64_t>(message) & ~options_.protocol_features) {
    return refused(text("bits 0x%" PRIx64 " were never offered", extra));
  }
  return done();
}

Session::Outcome Session::get_queue_num(Message& message) { return reply(message, uint64_t{QUEUES}); }

Session::Outcome Session::set_vring_enable(Message& message) {
  const auto state = payload<VhostUserVringState>(message);
  if (std::string reason = no_such_ring(state.index); !reason.empty()) return refused(std::move(reason));
  if (state.num > 1) return refused(text("%u is neither 0 nor 1", state.num));
  // A ring nobody set up can be enabled: QEMU does that with the event queue.
  vrings_[state.index].enabled = state.num == 1;
  if (state.num == 0) stop(state.index);
  return start_or_refuse(state.index);
}

Session::Outcome Session::get_inflight_fd(Message& message) {
  auto inflight = payload<VhostUserInflight>(message);
  if (std::string reason = bad_inflight(inflight); !reason.empty()) return refused(std::move(reason));
  Fd fd = InflightRegion::create(inflight.num_queues, inflight.queue_size);
  if (!fd) return refused("no file could be made for it");
  inflight.mmap_size = InflightRegion::bytes(inflight.num_queues, inflight.queue_size);
  inflight.mmap_offset = 0;
  return reply(message, &inflight, message.header.size, std::move(fd));
}

Session::Outcome Session::set_inflight_fd(Message& message) {
  const auto inflight = payload<VhostUserInflight>(message);
  if (std::string reason = bad_inflight(inflight); !reason.empty()) return refused(std::move(reason));
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    if (running(queue)) return refused(text("queue %u is running", queue));
  }
  const uint64_t bytes = InflightRegion::bytes(inflight.num_queues, inflight.queue_size);
  if (inflight.mmap_size < bytes) {
    return refused(text("%" PRIu64 " bytes are too few for %u queues of %u entries, which need %" PRIu64,
                        inflight.mmap_size, inflight.num_queues, inflight.queue_size, bytes));
  }
  // The parts are aligned to 64 bytes.
  if (inflight.mmap_offset % 64 != 0) {
    return refused(text("offset 0x%" PRIx64 " is not aligned to 64 bytes", inflight.mmap_offset));
  }
  InflightRegion region;
  const int fd = message.fds[0].get();
  const MappingFault fault =
      region.map(fd, inflight.mmap_offset, inflight.mmap_size, inflight.num_queues, inflight.queue_size);
  if (fault != MappingFault::NONE) return refused(describe(fault));
  if (const auto version = region.foreign_version()) {
    return refused(text("the region has version %u, not 1", *version));
  }
  inflight_ = std::move(region);
  return done();
}

Session::Outcome Session::reset_device(Message&) {
  reset_rings();
  return done();
}

Session::Outcome Session::get_max_mem_slots(Message& message) { return reply(message, uint64_t{MEM_SLOTS_MAX}); }

Session::Outcome Session::add_mem_reg(Message& message) {
  const auto region = payload<VhostUserMemRegMsg>(message).region;
  if (const MemoryError error = memory_.add(region, message.fds[0].get())) {
    return refused(text("%s: %s", region_text(region).c_str(), describe(error)));
  }
  change_memory([] {});
  return done();
}

Session::Outcome Session::rem_mem_reg(Message& message) {
  const auto region = payload<VhostUserMemRegMsg>(message).region;
  if (!memory_.contains(region)) {
    return refused(text("%s: %s", region_text(region).c_str(), describe(MemoryError{MemoryFault::NO_SUCH_REGION})));
  }
  change_memory([&] { memory_.remove(region); });
  return done();
}

Session::Outcome Session::set_status(Message& message) {
  const auto status = payload<uint64_t>(message);
  if (status > UINT8_MAX) return refused(text("0x%" PRIx64 " is no device status", status));
  status_ = static_cast<uint8_t>(status);
  // virtio 1.3 §2.1: writing 0 resets the device. No other value matters: QEMU never sets DRIVER_OK on this device.
  if (status_ == 0) reset_rings();
  return done();
}

Session::Outcome Session::get_status(Message& message) { return reply(message, uint64_t{status_}); }

std::string Session::no_such_ring(uint64_t index) const {
  return index < QUEUES ? std::string() : text("there is no queue %" PRIu64, index);
}

std::string Session::not_settable(uint64_t index) const {
  if (std::string reason = no_such_ring(index); !reason.empty()) return reason;
  return running(static_cast<unsigned>(index)) ? text("queue %" PRIu64 " is running", index) : std::string();
}

std::string Session::take_ring_fd(Message& message, unsigned& queue, Fd& fd) const {
  const auto value = payload<uint64_t>(message);
  if (value & ~(VHOST_USER_VRING_IDX_MASK | VHOST_USER_VRING_NOFD_MASK)) {
    return text("0x%" PRIx64 " has bits that are not defined", value);
  }
  const uint64_t index = value & VHOST_USER_VRING_IDX_MASK;
  if (std::string reason = no_such_ring(index); !reason.empty()) return reason;
  const bool without = value & VHOST_USER_VRING_NOFD_MASK;
  if (without != message.fds.empty()) {
    return without ? text("it says that queue %" PRIu64 " gets no descriptor, and brings one", index)
                   : text("it brings no descriptor for queue %" PRIu64, index);
  }
  queue = static_cast<unsigned>(index);
  if (!without) {
    fd = std::move(message.fds[0]);
    set_nonblocking(fd);
  }
  return {};
}

std::string Session::bad_inflight(const VhostUserInflight& inflight) const {
  if (inflight.num_queues == 0 || inflight.num_queues > QUEUES) {
    return text("there are no %u queues, but %u", inflight.num_queues, QUEUES);
  }
  if (inflight.queue_size == 0 || inflight.queue_size > QUEUE_SIZE_MAX) {
    return text("queues can't have %u entries, only up to %u", inflight.queue_size, QUEUE_SIZE_MAX);
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
    if (std::string reason = try_start(queue); !reason.empty()) {
      fault(queue, std::move(reason));
    } else if (ran[queue] && !running(queue)) {
      fault(queue, text("the memory of queue %u was removed while it ran", queue));
    } else if (!ran[queue] && running(queue)) {
      announce_start(queue);
    }
  }
}

}  // namespace vhost_user_scmi
