// The front-end requests about one ring (vhost-user, "Ring states").
#include <fcntl.h>

#include <bit>

#include "session.h"

namespace vhost_user_scmi {
namespace {

// A descriptor that the front end chose must not block us.
void set_nonblocking(const Fd& fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags >= 0 && !(flags & O_NONBLOCK)) fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK);
}

}  // namespace

Refusal Session::check_ring(uint32_t index) {
  return index < QUEUES ? Refusal{} : Refusal{.reason = Reason::NO_SUCH_QUEUE, .index = index};
}

Refusal Session::check_settable(uint32_t index) const {
  if (const Refusal refusal = check_ring(index)) return refusal;
  return running(index) ? Refusal{.reason = Reason::QUEUE_RUNS, .index = index} : Refusal{};
}

Session::Outcome Session::set_vring_num(Message& message) {
  const auto state = message.payload_as<VhostUserVringState>();
  if (const Refusal refusal = check_settable(state.index)) return refusal;
  if (state.num > QUEUE_SIZE_MAX || !std::has_single_bit(state.num)) {
    return Refusal{
        .reason = Reason::BAD_QUEUE_SIZE, .index = state.index, .value = state.num, .max = QUEUE_SIZE_MAX};
  }
  vrings_[state.index].num = static_cast<uint16_t>(state.num);
  return start(state.index);
}

Session::Outcome Session::set_vring_addr(Message& message) {
  const auto address = message.payload_as<VhostUserVringAddr>();
  if (const Refusal refusal = check_settable(address.index)) return refusal;
  if (address.flags != 0) {
    return Refusal{.reason = Reason::LOGGING_NOT_OFFERED, .index = address.index, .value = address.flags};
  }
  Vring& vring = vrings_[address.index];
  if (!memory_.empty()) {
    // Every start resolves them again. Checking now tells the front end which request is wrong.
    RingPointers ignored;
    const uint32_t num = vring.num != 0 ? vring.num : 1;
    if (const Refusal refusal = resolve(address, num, memory_, ignored)) return refusal;
  }
  vring.address = address;
  vring.has_address = true;
  return start(address.index);
}

Session::Outcome Session::set_vring_base(Message& message) {
  const auto state = message.payload_as<VhostUserVringState>();
  if (const Refusal refusal = check_settable(state.index)) return refusal;
  if (state.num > UINT16_MAX) {
    return Refusal{.reason = Reason::BASE_NOT_16_BITS, .index = state.index, .value = state.num};
  }
  vrings_[state.index].base = static_cast<uint16_t>(state.num);
  vrings_[state.index].has_base = true;
  return start(state.index);
}

Session::Outcome Session::get_vring_base(Message& message) {
  auto state = message.payload_as<VhostUserVringState>();
  if (const Refusal refusal = check_ring(state.index)) return refusal;
  // Between two requests no batch is being answered, and held chains are given up. So the base is the first chain that was
  // not taken.
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

Refusal Session::take_ring_fd(Message& message, unsigned& queue, Fd& fd) {
  const auto value = message.payload_as<uint64_t>();
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
  // Signals for earlier completions may have been lost with the old descriptor or a former front end.
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

Session::Outcome Session::set_vring_enable(Message& message) {
  const auto state = message.payload_as<VhostUserVringState>();
  if (const Refusal refusal = check_ring(state.index)) return refusal;
  if (state.num > 1) return Refusal{.reason = Reason::NOT_A_BOOLEAN, .value = state.num};
  // QEMU enables the event queue before it sets it up.
  vrings_[state.index].enabled = state.num == 1;
  if (state.num == 0) stop(state.index);
  return start(state.index);
}

}  // namespace vhost_user_scmi
