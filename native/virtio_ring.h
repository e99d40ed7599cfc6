// The split virtqueue as it lies in guest memory (virtio 1.3 §2.7), and the feature bits that shape it (§6).
//
// Structures and constants only. Guest memory can change at any time, so it is only accessed through
// ring_access.h: each field is read once.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace vhost_user_scmi {

// Virtio is little-endian, vhost-user is native: they agree on every host this device is built for.
static_assert(std::endian::native == std::endian::little);

// virtio 1.3 §5.17.3, §6.
inline constexpr unsigned VIRTIO_SCMI_F_P2A_CHANNELS = 0;
inline constexpr unsigned VIRTIO_F_INDIRECT_DESC = 28;
inline constexpr unsigned VIRTIO_F_EVENT_IDX = 29;
inline constexpr unsigned VIRTIO_F_VERSION_1 = 32;

constexpr uint64_t feature_bit(unsigned bit) { return uint64_t{1} << bit; }

// virtio 1.3 §2.7.5.
inline constexpr uint16_t VIRTQ_DESC_F_NEXT = 1;
inline constexpr uint16_t VIRTQ_DESC_F_WRITE = 2;
inline constexpr uint16_t VIRTQ_DESC_F_INDIRECT = 4;

struct VirtqDesc {
  uint64_t addr;
  uint32_t len;
  uint16_t flags;
  uint16_t next;
};
static_assert(sizeof(VirtqDesc) == 16);

// virtio 1.3 §2.7.6. The ring is followed by used_event.
inline constexpr uint16_t VIRTQ_AVAIL_F_NO_INTERRUPT = 1;

struct VirtqAvail {
  uint16_t flags;
  uint16_t idx;
  uint16_t ring[];
};
static_assert(sizeof(VirtqAvail) == 4);

// virtio 1.3 §2.7.8. The ring is followed by avail_event.
inline constexpr uint16_t VIRTQ_USED_F_NO_NOTIFY = 1;

struct VirtqUsedElem {
  uint32_t id;
  uint32_t len;
};
static_assert(sizeof(VirtqUsedElem) == 8);

struct VirtqUsed {
  uint16_t flags;
  uint16_t idx;
  VirtqUsedElem ring[];
};
static_assert(sizeof(VirtqUsed) == 4);

// virtio 1.3 §2.7: alignment of the three parts, and their sizes. The event words are counted always: the driver
// reserves them whether or not EVENT_IDX is negotiated.
inline constexpr uint64_t VIRTQ_DESC_ALIGN = 16;
inline constexpr uint64_t VIRTQ_AVAIL_ALIGN = 2;
inline constexpr uint64_t VIRTQ_USED_ALIGN = 4;

constexpr uint64_t virtq_desc_bytes(uint32_t num) { return sizeof(VirtqDesc) * num; }
constexpr uint64_t virtq_avail_bytes(uint32_t num) { return 6 + 2 * uint64_t{num}; }
constexpr uint64_t virtq_used_bytes(uint32_t num) { return 6 + sizeof(VirtqUsedElem) * num; }

}  // namespace vhost_user_scmi
