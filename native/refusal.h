// Why a front end does not get what it asked for: one value per reason, with the numbers that prove it. Sockets, memory,
// rings and requests return it; session.cc, where all of them arrive, answers and reports.
//
// Failed system calls on behalf of our own side (listen, connect, accept) stay errnos: Node has a form for those.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ring_error.h"
#include "vhost_user.h"

namespace vhost_user_scmi {

enum class Reason : uint8_t {
  NONE,
  // The connection; it ends.
  CLOSED_BY_PEER,
  CLOSED_WITHIN_MESSAGE,
  READ_FAILED,
  WRITE_FAILED,
  WAIT_FAILED,
  DESCRIPTORS_LOST,
  WRONG_VERSION,
  UNKNOWN_FLAGS,
  TOO_LONG,
  REPLIES_UNREAD,
  // Any request.
  UNKNOWN_REQUEST,
  PAYLOAD_SIZE,
  DESCRIPTOR_COUNT,
  NOT_OFFERED,
  NO_SUCH_QUEUE,
  QUEUE_RUNS,
  // Rings.
  BAD_QUEUE_SIZE,
  LOGGING_NOT_OFFERED,
  BASE_NOT_16_BITS,
  NOT_A_BOOLEAN,
  NOT_A_STATUS,
  UNDEFINED_BITS,
  DESCRIPTOR_UNWANTED,
  DESCRIPTOR_MISSING,
  KICK_NOT_WAITABLE,
  KICK_NOT_READABLE,
  PART_NOT_MEMORY,
  PART_MISALIGNED,
  // What a driver did wrong: see `ring`.
  RING,
  // Guest memory.
  REGION_COUNT,
  TABLE_SIZE,
  TABLE_DESCRIPTORS,
  REGION_EMPTY,
  GUEST_ADDRESS_OVERFLOW,
  USER_ADDRESS_OVERFLOW,
  GUEST_OVERLAP,
  USER_OVERLAP,
  TOO_MANY_REGIONS,
  TOO_MUCH_MEMORY,
  NO_SUCH_REGION,
  OFFSET_OVERFLOW,
  NOT_A_FILE,
  FILE_TOO_SHORT,
  MMAP_FAILED,
  TOO_MANY_MAPPINGS,
  TRUNCATED,
  TRUNCATED_IN_USE,
  REMOVED_IN_USE,
  // The inflight region.
  INFLIGHT_QUEUES,
  INFLIGHT_QUEUE_SIZE,
  INFLIGHT_NOT_CREATED,
  INFLIGHT_TOO_SMALL,
  INFLIGHT_MISALIGNED,
  INFLIGHT_VERSION,
  INFLIGHT_ENTRIES,
  // Nobody did anything wrong.
  ACCEPT_FAILED,
  STOPPED_ON_PURPOSE,
};

struct Refusal {
  Reason reason = Reason::NONE;
  // The request that is refused, if it is one.
  const char* request = nullptr;
  // Number of a queue, or of a request that has no name.
  uint32_t index = 0;
  // What was found, and what was allowed or needed, as the reason's sentence says.
  uint64_t value = 0;
  uint64_t count = 0;
  uint64_t min = 0;
  uint64_t max = 0;
  // The part of a ring.
  const char* part = nullptr;
  // The region of guest memory.
  std::optional<VhostUserMemoryRegion> region = {};
  RingError ring = {};

  explicit operator bool() const { return reason != Reason::NONE; }
};

// One sentence, without a full stop.
std::string describe(const Refusal& refusal);

}  // namespace vhost_user_scmi
