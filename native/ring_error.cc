#include "ring_error.h"

#include <cinttypes>

#include "text.h"

namespace vhost_user_scmi {

std::string describe(const RingError& e, unsigned queue) {
  const std::string where =
      text("%sdescriptor %u of chain %u in queue %u", e.indirect ? "indirect " : "", e.index, e.head, queue);
  switch (e.fault) {
    case RingFault::NONE:
      return "no fault";
    case RingFault::BASE_TOO_FAR:
      return text("base %u of queue %u is not within %" PRIu64 " entries after used.idx %" PRIu64, e.index, queue,
                  e.value, e.address);
    case RingFault::AVAIL_IDX_JUMP:
      return text("avail.idx of queue %u is %u, more than %" PRIu64 " entries after %" PRIu64, queue, e.index, e.value,
                  e.address);
    case RingFault::HEAD_OUT_OF_RANGE:
      return text("avail.ring[%u] of queue %u is %u, but there are %" PRIu64 " descriptors", e.index, queue, e.head,
                  e.value);
    case RingFault::HEAD_IN_FLIGHT:
      return text("avail.ring[%u] of queue %u offers chain %u again before it was used", e.index, queue, e.head);
    case RingFault::NEXT_OUT_OF_RANGE:
      return text("%s goes on at %" PRIu64 ", outside its table", where.c_str(), e.value);
    case RingFault::CHAIN_TOO_LONG:
      return text("chain %u in queue %u loops or has more than %" PRIu64 " descriptors", e.head, queue, e.value);
    case RingFault::CHAIN_TOO_LARGE:
      return text("%s makes the chain longer than 2^32 - 1 bytes", where.c_str());
    case RingFault::NOT_GUEST_MEMORY:
      return text("%s: not all of the %" PRIu64 " bytes at 0x%" PRIx64 " are guest memory", where.c_str(), e.value,
                  e.address);
    case RingFault::INDIRECT_NOT_NEGOTIATED:
      return text("%s is indirect, but INDIRECT_DESC was not negotiated", where.c_str());
    case RingFault::INDIRECT_WITH_NEXT:
      return text("%s has both INDIRECT and NEXT set", where.c_str());
    case RingFault::INDIRECT_NESTED:
      return text("%s is itself indirect", where.c_str());
    case RingFault::INDIRECT_BAD_LENGTH:
      return text("%s: an indirect table can't have %" PRIu64 " bytes", where.c_str(), e.value);
    case RingFault::INDIRECT_NOT_GUEST_MEMORY:
      return text("%s: not all of the indirect table, %" PRIu64 " bytes at 0x%" PRIx64 ", is guest memory",
                  where.c_str(), e.value, e.address);
  }
  return "unknown fault";
}

}  // namespace vhost_user_scmi
