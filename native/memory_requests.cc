// The front-end requests about memory: that of the guest, and the inflight region.
#include "session.h"

namespace vhost_user_scmi {

// Running rings go on in the new memory, without an event of their own; a ring that can't is a fault.
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

Session::Outcome Session::set_mem_table(Message& message) {
  const auto table = message.payload_as<VhostUserMemory>();
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
  // The new table is mapped completely before the old one goes, so that a refusal changes nothing.
  MemoryMap fresh;
  for (uint32_t i = 0; i < n; i++) {
    if (const Refusal refusal = fresh.add(table.regions[i], message.fds[i].get())) return refusal;
  }
  change_memory([&] { memory_ = std::move(fresh); });
  return {};
}

Session::Outcome Session::get_max_mem_slots(Message& message) { return reply(message, uint64_t{MEM_SLOTS_MAX}); }

Session::Outcome Session::add_mem_reg(Message& message) {
  const auto region = message.payload_as<VhostUserMemRegMsg>().region;
  if (const Refusal refusal = memory_.add(region, message.fds[0].get())) return refusal;
  change_memory([] {});
  return {};
}

Session::Outcome Session::rem_mem_reg(Message& message) {
  const auto region = message.payload_as<VhostUserMemRegMsg>().region;
  if (!memory_.contains(region)) return Refusal{.reason = Reason::NO_SUCH_REGION, .region = region};
  change_memory([&] { memory_.remove(region); });
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

Session::Outcome Session::get_inflight_fd(Message& message) {
  auto inflight = message.payload_as<VhostUserInflight>();
  if (const Refusal refusal = check_inflight(inflight)) return refusal;
  Fd fd = InflightRegion::create(inflight.num_queues, inflight.queue_size);
  if (!fd) return Refusal{.reason = Reason::INFLIGHT_NOT_CREATED};
  inflight.mmap_size = InflightRegion::bytes(inflight.num_queues, inflight.queue_size);
  inflight.mmap_offset = 0;
  return reply(message, &inflight, message.header.size, std::move(fd));
}

Session::Outcome Session::set_inflight_fd(Message& message) {
  const auto inflight = message.payload_as<VhostUserInflight>();
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

}  // namespace vhost_user_scmi
