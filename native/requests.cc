// The front-end requests (vhost-user, "Front-end message types"): the table that names their handlers and sizes, in the order
// of their numbers, and the requests about the device as a whole. ring_requests.cc and memory_requests.cc have the others.
// Handlers validate, act, and return an outcome; session.cc turns that into a reply.
#include "session.h"

namespace vhost_user_scmi {

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
  const auto features = message.payload_as<uint64_t>();
  // Checked against the offer, not against GET_FEATURES: after a reconnect nobody sends that.
  if (const uint64_t extra = features & ~options_.features) {
    return Refusal{.reason = Reason::NOT_OFFERED, .value = extra};
  }
  features_ = features;
  if (features & feature_bit(VHOST_USER_F_PROTOCOL_FEATURES)) return {};
  // "Ring states": without this bit there is no SET_VRING_ENABLE, and rings start enabled.
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

Session::Outcome Session::get_protocol_features(Message& message) {
  return reply(message, options_.protocol_features);
}

// They change nothing: what they allow is accepted anyway, and REPLY_ACK is a flag in each message.
Session::Outcome Session::set_protocol_features(Message& message) {
  if (const uint64_t extra = message.payload_as<uint64_t>() & ~options_.protocol_features) {
    return Refusal{.reason = Reason::NOT_OFFERED, .value = extra};
  }
  return {};
}

Session::Outcome Session::get_queue_num(Message& message) { return reply(message, uint64_t{QUEUES}); }

Session::Outcome Session::reset_device(Message&) {
  reset_rings();
  return {};
}

Session::Outcome Session::set_status(Message& message) {
  const auto status = message.payload_as<uint64_t>();
  if (status > UINT8_MAX) return Refusal{.reason = Reason::NOT_A_STATUS, .value = status};
  status_ = static_cast<uint8_t>(status);
  // virtio 1.3 §2.1: writing 0 resets the device. No other value matters: QEMU never sets DRIVER_OK on this device.
  if (status_ == 0) reset_rings();
  return {};
}

Session::Outcome Session::get_status(Message& message) { return reply(message, uint64_t{status_}); }

// As in a device reset (virtio 1.3 §2.4): the driver sets the rings up again. The call and error descriptors stay, as they
// belong to the connection: QEMU sends the latter only once.
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

}  // namespace vhost_user_scmi
