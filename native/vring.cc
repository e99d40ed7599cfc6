#include "vring.h"

#include <errno.h>

namespace vhost_user_scmi {
namespace {

struct Part {
  const char* name;
  uint64_t address;
  uint64_t bytes;
  uint64_t align;
};

Refusal locate(const Part& part, uint32_t queue, const MemoryMap& memory, uint8_t*& host) {
  host = memory.from_user(part.address, part.bytes);
  Refusal refusal = {.index = queue, .value = part.address, .count = part.bytes, .min = part.align, .part = part.name};
  if (host == nullptr) {
    refusal.reason = Reason::PART_NOT_MEMORY;
  } else if (part.address % part.align != 0 || reinterpret_cast<uintptr_t>(host) % part.align != 0) {
    // Both: the driver must align the address, and our atomics need an aligned pointer.
    refusal.reason = Reason::PART_MISALIGNED;
  }
  return refusal;
}

}  // namespace

Refusal resolve(const VhostUserVringAddr& address, uint32_t num, const MemoryMap& memory, RingPointers& ring) {
  uint8_t* desc;
  uint8_t* avail;
  uint8_t* used;
  const struct {
    Part part;
    uint8_t*& host;
  } parts[] = {
      {{"descriptor table", address.descriptor, virtq_desc_bytes(num), VIRTQ_DESC_ALIGN}, desc},
      {{"available ring", address.available, virtq_avail_bytes(num), VIRTQ_AVAIL_ALIGN}, avail},
      {{"used ring", address.used, virtq_used_bytes(num), VIRTQ_USED_ALIGN}, used},
  };
  for (const auto& [part, host] : parts) {
    if (const Refusal refusal = locate(part, address.index, memory, host)) return refusal;
  }
  ring = {
      .desc = reinterpret_cast<VirtqDesc*>(desc),
      .avail = reinterpret_cast<VirtqAvail*>(avail),
      .used = reinterpret_cast<VirtqUsed*>(used),
  };
  return {};
}

void signal_event(const Fd& fd) {
  if (!fd) return;
  const uint64_t one = 1;
  ssize_t result;
  do {
    result = write(fd.get(), &one, sizeof one);
  } while (result < 0 && errno == EINTR);
  // EAGAIN: the counter is full, so the reader has a signal to see. Anything else means that the front end gave us
  // something that is no eventfd, or closed a pipe (Node ignores SIGPIPE): its loss, and nobody to tell on this path.
}

}  // namespace vhost_user_scmi
