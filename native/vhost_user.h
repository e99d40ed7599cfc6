// The vhost-user wire: requests, feature bits and payload structs, spelled as the vhost-user specification spells them.
//
// Both ends run on one host, so every field is in native byte order ("Message Specification"). Nothing here knows what
// a request means; the session does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vhost_user_scmi {

// vhost-user, "Front-end message types".
enum VhostUserRequest : uint32_t {
  VHOST_USER_GET_FEATURES = 1,
  VHOST_USER_SET_FEATURES = 2,
  VHOST_USER_SET_OWNER = 3,
  VHOST_USER_RESET_OWNER = 4,
  VHOST_USER_SET_MEM_TABLE = 5,
  VHOST_USER_SET_VRING_NUM = 8,
  VHOST_USER_SET_VRING_ADDR = 9,
  VHOST_USER_SET_VRING_BASE = 10,
  VHOST_USER_GET_VRING_BASE = 11,
  VHOST_USER_SET_VRING_KICK = 12,
  VHOST_USER_SET_VRING_CALL = 13,
  VHOST_USER_SET_VRING_ERR = 14,
  VHOST_USER_GET_PROTOCOL_FEATURES = 15,
  VHOST_USER_SET_PROTOCOL_FEATURES = 16,
  VHOST_USER_GET_QUEUE_NUM = 17,
  VHOST_USER_SET_VRING_ENABLE = 18,
  VHOST_USER_GET_INFLIGHT_FD = 31,
  VHOST_USER_SET_INFLIGHT_FD = 32,
  VHOST_USER_RESET_DEVICE = 34,
  VHOST_USER_GET_MAX_MEM_SLOTS = 36,
  VHOST_USER_ADD_MEM_REG = 37,
  VHOST_USER_REM_MEM_REG = 38,
  VHOST_USER_SET_STATUS = 39,
  VHOST_USER_GET_STATUS = 40,
};

// The one feature bit that belongs to vhost-user itself; the others are in virtio_ring.h.
inline constexpr unsigned VHOST_USER_F_PROTOCOL_FEATURES = 30;

// vhost-user, "Protocol features": those this back end can offer.
inline constexpr unsigned VHOST_USER_PROTOCOL_F_MQ = 0;
inline constexpr unsigned VHOST_USER_PROTOCOL_F_REPLY_ACK = 3;
inline constexpr unsigned VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12;
inline constexpr unsigned VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13;
inline constexpr unsigned VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15;
inline constexpr unsigned VHOST_USER_PROTOCOL_F_STATUS = 16;

// vhost-user, "Header". A reply's flags are exactly VERSION | REPLY: QEMU refuses a copied NEED_REPLY bit.
inline constexpr uint32_t VHOST_USER_VERSION = 0x1;
inline constexpr uint32_t VHOST_USER_VERSION_MASK = 0x3;
inline constexpr uint32_t VHOST_USER_REPLY_MASK = 0x1 << 2;
inline constexpr uint32_t VHOST_USER_NEED_REPLY_MASK = 0x1 << 3;

struct VhostUserHeader {
  uint32_t request;
  uint32_t flags;
  uint32_t size;
};
static_assert(sizeof(VhostUserHeader) == 12);

// The u64 of SET_VRING_KICK, CALL and ERR.
inline constexpr uint64_t VHOST_USER_VRING_IDX_MASK = 0xff;
inline constexpr uint64_t VHOST_USER_VRING_NOFD_MASK = 0x1 << 8;

struct VhostUserVringState {
  uint32_t index;
  uint32_t num;
};
static_assert(sizeof(VhostUserVringState) == 8);

// The ring addresses are front-end virtual addresses, because VIRTIO_F_ACCESS_PLATFORM is never offered.
struct VhostUserVringAddr {
  uint32_t index;
  uint32_t flags;
  uint64_t descriptor;
  uint64_t used;
  uint64_t available;
  uint64_t log;
};
static_assert(sizeof(VhostUserVringAddr) == 40);

// The byte at guest address g lies at file offset mmap_offset + (g - guest_address).
struct VhostUserMemoryRegion {
  uint64_t guest_address;
  uint64_t size;
  uint64_t user_address;
  uint64_t mmap_offset;
};
static_assert(sizeof(VhostUserMemoryRegion) == 32);

inline constexpr uint32_t VHOST_USER_MEMORY_BASELINE_NREGIONS = 8;

struct VhostUserMemory {
  uint32_t nregions;
  uint32_t padding;
  VhostUserMemoryRegion regions[VHOST_USER_MEMORY_BASELINE_NREGIONS];
};
static_assert(offsetof(VhostUserMemory, regions) == 8);
static_assert(sizeof(VhostUserMemory) == 8 + 8 * 32);

struct VhostUserMemRegMsg {
  uint64_t padding;
  VhostUserMemoryRegion region;
};
static_assert(sizeof(VhostUserMemRegMsg) == 40);

// 20 bytes of fields. QEMU sends sizeof its unpacked struct, 24; others send 20. Both are accepted and mirrored.
struct VhostUserInflight {
  uint64_t mmap_size;
  uint64_t mmap_offset;
  uint16_t num_queues;
  uint16_t queue_size;
  uint32_t tail;
};
inline constexpr uint32_t VHOST_USER_INFLIGHT_FIELDS = 20;
static_assert(offsetof(VhostUserInflight, tail) == VHOST_USER_INFLIGHT_FIELDS);
static_assert(sizeof(VhostUserInflight) == 24);

}  // namespace vhost_user_scmi
