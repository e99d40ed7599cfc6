#include "session.h"

#include <errno.h>

#include "sigbus.h"

namespace vhost_user_scmi {

void Session::connect(Fd fd) {
  connection_.emplace(std::move(fd));
  emit(EventKind::CONNECTED);
}

void Session::disconnect(const Refusal& why) {
  if (!connected()) return;
  emit(EventKind::DISCONNECTED, -1, 0, describe(why));
  reset();
}

bool Session::receive() {
  if (!connected()) return false;
  switch (connection_->receive()) {
    case Receive::AGAIN:
      return false;
    case Receive::CLOSED:
      disconnect(connection_->refusal());
      return false;
    case Receive::MESSAGE:
      dispatch(connection_->message());
      return connected();
  }
  return false;
}

void Session::flush_output() {
  if (connected() && !connection_->flush()) disconnect(connection_->refusal());
}

// The one place that decides what the front end gets back. need_reply is a property of the message, not of the
// negotiation: after a reconnect QEMU sets it although this process never saw REPLY_ACK acknowledged, and waits.
void Session::dispatch(Message& message) {
  const RequestRule* rule = rule_of(message.header.request);
  auto [refusal, replied] = handle(rule, message);
  message.fds.clear();  // what no handler took
  if (replied) {
    flush_output();
    return;
  }
  if (refusal) {
    if (rule != nullptr) refusal.request = rule->name;
    report(refusal);
  }
  if (message.need_reply()) {
    reply(message, refusal ? 1 : 0);
    flush_output();
  } else if (refusal && rule != nullptr) {
    // The front end believes that this was done, and nothing can tell it otherwise. An unknown request is merely ignored.
    disconnect(refusal);
  }
}

Session::Outcome Session::handle(const RequestRule* rule, Message& message) {
  if (rule == nullptr) return Refusal{.reason = Reason::UNKNOWN_REQUEST, .index = message.header.request};
  const uint32_t size = message.header.size;
  if (size < rule->size_min || size > rule->size_max) {
    return Refusal{.reason = Reason::PAYLOAD_SIZE, .value = size, .min = rule->size_min, .max = rule->size_max};
  }
  const size_t fds = message.fds.size();
  if (fds < rule->fds_min || fds > rule->fds_max) {
    return Refusal{.reason = Reason::DESCRIPTOR_COUNT, .value = fds, .min = rule->fds_min, .max = rule->fds_max};
  }
  return (this->*rule->handler)(message);
}

Session::Outcome Session::reply(const Message& message, const void* payload, uint32_t size, Fd fd) {
  connection_->reply(message.header.request, payload, size, std::move(fd));
  Outcome outcome;
  outcome.replied = true;
  return outcome;
}

bool Session::drain_kick(unsigned queue) {
  Vring& vring = vrings_[queue];
  uint64_t count;
  const ssize_t got = read(vring.kick.get(), &count, sizeof count);
  if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return true;
  // End of file, or an error: it would be readable for ever. The ring goes on as one without a kick descriptor.
  host_.unwatch_kick(queue);
  vring.kick.reset();
  report({.reason = Reason::KICK_NOT_READABLE, .index = queue});
  return false;
}

bool Session::signal(unsigned queue) {
  Vring& vring = vrings_[queue];
  if (!vring.queue.running() || !vring.queue.needs_signal()) return false;
  signal_event(vring.call);
  return true;
}

void Session::check_memory() {
  const uint64_t replaced = sigbus::replaced_pages();
  if (replaced == replaced_pages_seen_) return;
  if (!memory_.broken() && !inflight_.broken()) {
    replaced_pages_seen_ = replaced;  // another device's memory
    return;
  }
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    if (running(queue)) fault(queue, {.reason = Reason::TRUNCATED_IN_USE, .index = queue});
  }
}

void Session::fault(unsigned queue) {
  // Truncated memory reads as zeros, which no ring survives: name the cause, not the effect.
  check_memory();
  if (running(queue)) fault(queue, {.reason = Reason::RING, .index = queue, .ring = vrings_[queue].queue.error()});
}

void Session::break_down(unsigned queue) {
  if (running(queue)) fault(queue, {.reason = Reason::STOPPED_ON_PURPOSE, .index = queue});
}

void Session::announce_event_buffers() {
  if (!running(EVENTQ)) return;
  const Peek seen = queue(EVENTQ).look();
  check_memory();
  if (seen == Peek::FAULT) fault(EVENTQ);
  if (seen == Peek::CHAIN && running(EVENTQ)) emit(EventKind::EVENT_BUFFERS, EVENTQ);
}

Event Session::take_event() {
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Refusal Session::try_start(unsigned queue) {
  Vring& vring = vrings_[queue];
  // No memory yet is not an error: some front ends send it last.
  if (vring.queue.running() || !vring.complete() || memory_.empty()) return {};
  if (memory_.broken() || inflight_.broken()) return {.reason = Reason::TRUNCATED};
  RingPointers ring;
  if (const Refusal refusal = resolve(vring.address, vring.num, memory_, ring)) return refusal;
  const InflightQueue inflight = inflight_.queue(queue);
  if (inflight && inflight.size() < vring.num) {
    return {.reason = Reason::INFLIGHT_ENTRIES, .index = queue, .value = vring.num, .max = inflight.size()};
  }
  const RingError error = vring.queue.start(ring, vring.num, vring.base, features_, inflight);
  return error ? Refusal{.reason = Reason::RING, .index = queue, .ring = error} : Refusal{};
}

Refusal Session::start(unsigned queue) {
  const bool was_running = running(queue);
  if (const Refusal refusal = try_start(queue)) return refusal;
  if (!was_running && running(queue)) announce_start(queue);
  return {};
}

void Session::announce_start(unsigned queue) {
  emit(EventKind::QUEUE_STARTED, static_cast<int>(queue), vrings_[queue].queue.fresh());
  // Kicks may have gone to a former process, so what is there is looked at without waiting for one.
  if (queue == EVENTQ) announce_event_buffers();
}

void Session::halt(unsigned queue) {
  Vring& vring = vrings_[queue];
  vring.base = vring.queue.next_avail();
  vring.queue.stop();
  generation_++;
}

void Session::stop(unsigned queue) {
  if (!running(queue)) return;
  halt(queue);
  emit(EventKind::QUEUE_STOPPED, static_cast<int>(queue));
}

void Session::fault(unsigned queue, const Refusal& why) {
  if (running(queue)) halt(queue);
  Vring& vring = vrings_[queue];
  vring.faulted = true;
  // The driver may kick on: nobody listens until the ring is set up again.
  host_.unwatch_kick(queue);
  signal_event(vring.err);
  emit(EventKind::QUEUE_FAULT, static_cast<int>(queue), why.reason == Reason::STOPPED_ON_PURPOSE, describe(why));
}

void Session::emit(EventKind kind, int queue, uint32_t value, std::string text) {
  events_.push_back({kind, queue, value, std::move(text)});
}

void Session::reset() {
  for (unsigned queue = 0; queue < QUEUES; queue++) {
    host_.unwatch_kick(queue);
    vrings_[queue] = Vring();
  }
  generation_++;
  features_ = 0;
  status_ = 0;
  host_.detach_windows();
  memory_ = MemoryMap();
  inflight_ = InflightRegion();
  if (connected()) {
    host_.unwatch_connection();
    connection_.reset();
  }
}

}  // namespace vhost_user_scmi
