#include "refusal.h"

#include <cinttypes>
#include <cstring>

#include "text.h"

namespace vhost_user_scmi {
namespace {

// "4", or "1 to 4".
std::string range(const Refusal& r) {
  return r.min == r.max ? text("%" PRIu64, r.max) : text("%" PRIu64 " to %" PRIu64, r.min, r.max);
}

std::string sentence(const Refusal& r) {
  switch (r.reason) {
    case Reason::NONE:
      return "nothing is wrong";
    case Reason::CLOSED_BY_PEER:
      return "the front end closed the connection";
    case Reason::CLOSED_WITHIN_MESSAGE:
      return "the front end closed the connection within a message";
    case Reason::READ_FAILED:
      return text("reading from the socket failed: %s", strerror(static_cast<int>(r.value)));
    case Reason::WRITE_FAILED:
      return text("writing to the socket failed: %s", strerror(static_cast<int>(r.value)));
    case Reason::WAIT_FAILED:
      return text("waiting on the socket failed: %s", strerror(static_cast<int>(r.value)));
    case Reason::DESCRIPTORS_LOST:
      return text("file descriptors of a message were lost: more than %" PRIu64
                  " came, or this process has too many open",
                  r.max);
    case Reason::WRONG_VERSION:
      return text("request %u has version %" PRIu64 ", not %" PRIu64, r.index, r.value, r.max);
    case Reason::UNKNOWN_FLAGS:
      return text("request %u has flags 0x%" PRIx64 ", which no request has", r.index, r.value);
    case Reason::TOO_LONG:
      return text("request %u announces %" PRIu64 " bytes, more than %" PRIu64, r.index, r.value, r.max);
    case Reason::REPLIES_UNREAD:
      return "the front end does not read its replies";

    case Reason::UNKNOWN_REQUEST:
      return text("request %u refused: it is not supported", r.index);
    case Reason::PAYLOAD_SIZE:
      return text("its payload has %" PRIu64 " bytes, not %s", r.value, range(r).c_str());
    case Reason::DESCRIPTOR_COUNT:
      return text("it came with %" PRIu64 " file descriptors, not %s", r.value, range(r).c_str());
    case Reason::NOT_OFFERED:
      return text("bits 0x%" PRIx64 " were never offered", r.value);
    case Reason::NO_SUCH_QUEUE:
      return text("there is no queue %u", r.index);
    case Reason::QUEUE_RUNS:
      return text("queue %u is running", r.index);

    case Reason::BAD_QUEUE_SIZE:
      return text("%" PRIu64 " is no size for queue %u: it must be a power of two up to %" PRIu64, r.value, r.index,
                  r.max);
    case Reason::LOGGING_NOT_OFFERED:
      return text("flags 0x%" PRIx64 " of queue %u ask for logging, which was not offered", r.value, r.index);
    case Reason::BASE_NOT_16_BITS:
      return text("base %" PRIu64 " of queue %u is no 16-bit index", r.value, r.index);
    case Reason::NOT_A_BOOLEAN:
      return text("%" PRIu64 " is neither 0 nor 1", r.value);
    case Reason::NOT_A_STATUS:
      return text("0x%" PRIx64 " is no device status", r.value);
    case Reason::UNDEFINED_BITS:
      return text("0x%" PRIx64 " has bits that are not defined", r.value);
    case Reason::DESCRIPTOR_UNWANTED:
      return text("it says that queue %u gets no descriptor, and brings one", r.index);
    case Reason::DESCRIPTOR_MISSING:
      return text("it brings no descriptor for queue %u", r.index);
    case Reason::KICK_NOT_WAITABLE:
      return text("the kick descriptor of queue %u can't be waited on", r.index);
    case Reason::KICK_NOT_READABLE:
      return text("the kick descriptor of queue %u can't be read: it is not an eventfd", r.index);
    case Reason::PART_NOT_MEMORY:
      return text("the %s of queue %u, %" PRIu64 " bytes at 0x%" PRIx64 ", is not in guest memory", r.part, r.index,
                  r.count, r.value);
    case Reason::PART_MISALIGNED:
      return text("the %s of queue %u at 0x%" PRIx64 " is not aligned to %" PRIu64 " bytes", r.part, r.index, r.value,
                  r.min);
    case Reason::RING:
      return describe(r.ring, r.index);

    case Reason::REGION_COUNT:
      return text("it has %" PRIu64 " regions, not %s", r.count, range(r).c_str());
    case Reason::TABLE_SIZE:
      return text("its payload has %" PRIu64 " bytes, not the %" PRIu64 " of %" PRIu64 " regions", r.value, r.min,
                  r.count);
    case Reason::TABLE_DESCRIPTORS:
      return text("it came with %" PRIu64 " file descriptors for %" PRIu64 " regions", r.value, r.count);
    case Reason::REGION_EMPTY:
      return "its size is 0";
    case Reason::GUEST_ADDRESS_OVERFLOW:
      return "guest address and size overflow";
    case Reason::USER_ADDRESS_OVERFLOW:
      return "front-end address and size overflow";
    case Reason::GUEST_OVERLAP:
      return "it overlaps another region in guest addresses";
    case Reason::USER_OVERLAP:
      return "it overlaps another region in front-end addresses";
    case Reason::TOO_MANY_REGIONS:
      return "there are too many regions";
    case Reason::TOO_MUCH_MEMORY:
      return "all regions together exceed 1 TiB";
    case Reason::NO_SUCH_REGION:
      return "there is no such region";
    case Reason::OFFSET_OVERFLOW:
      return "offset and size overflow";
    case Reason::NOT_A_FILE:
      return "the descriptor is not a file that can be mapped";
    case Reason::FILE_TOO_SHORT:
      return "the file ends before it";
    case Reason::MMAP_FAILED:
      return "mmap failed";
    case Reason::TOO_MANY_MAPPINGS:
      return "the process has too many mappings";
    case Reason::TRUNCATED:
      return "a file behind guest memory was truncated";
    case Reason::TRUNCATED_IN_USE:
      return text("a file behind guest memory was truncated while queue %u ran", r.index);
    case Reason::REMOVED_IN_USE:
      return text("the memory of queue %u was removed while it ran", r.index);

    case Reason::INFLIGHT_QUEUES:
      return text("there are no %" PRIu64 " queues, but %" PRIu64, r.value, r.max);
    case Reason::INFLIGHT_QUEUE_SIZE:
      return text("queues can't have %" PRIu64 " entries, only up to %" PRIu64, r.value, r.max);
    case Reason::INFLIGHT_NOT_CREATED:
      return "no file could be made for it";
    case Reason::INFLIGHT_TOO_SMALL:
      return text("%" PRIu64 " bytes are too few for %u queues of %" PRIu64 " entries, which need %" PRIu64, r.value,
                  r.index, r.count, r.min);
    case Reason::INFLIGHT_MISALIGNED:
      return text("offset 0x%" PRIx64 " is not aligned to %" PRIu64 " bytes", r.value, r.min);
    case Reason::INFLIGHT_VERSION:
      return text("the region has version %" PRIu64 ", not %" PRIu64, r.value, r.max);
    case Reason::INFLIGHT_ENTRIES:
      return text("queue %u has %" PRIu64 " entries, but its inflight region only %" PRIu64, r.index, r.value, r.max);

    case Reason::ACCEPT_FAILED:
      return text("a front end can't be accepted: %s", strerror(static_cast<int>(r.value)));
    case Reason::STOPPED_ON_PURPOSE:
      return text("queue %u was stopped on purpose", r.index);
  }
  return "unknown reason";
}

}  // namespace

std::string describe(const Refusal& r) {
  std::string whole = r.request ? text("%s refused: ", r.request) : std::string();
  if (r.region) {
    whole += text("the region of 0x%" PRIx64 " bytes at guest address 0x%" PRIx64 " (front end 0x%" PRIx64
                  ", file offset 0x%" PRIx64 "): ",
                  r.region->size, r.region->guest_address, r.region->user_address, r.region->mmap_offset);
  }
  return whole + sentence(r);
}

}  // namespace vhost_user_scmi
