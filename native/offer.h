// What the device offers when nobody takes anything out of it.
#pragma once

#include <cstdint>

#include "vhost_user.h"
#include "virtio_ring.h"

namespace vhost_user_scmi {

inline constexpr uint64_t FEATURES = feature_bit(VIRTIO_F_INDIRECT_DESC) | feature_bit(VIRTIO_F_EVENT_IDX) |
                                     feature_bit(VHOST_USER_F_PROTOCOL_FEATURES) | feature_bit(VIRTIO_F_VERSION_1);
inline constexpr uint64_t PROTOCOL_FEATURES =
    feature_bit(VHOST_USER_PROTOCOL_F_MQ) | feature_bit(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
    feature_bit(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD) | feature_bit(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
    feature_bit(VHOST_USER_PROTOCOL_F_STATUS);

}  // namespace vhost_user_scmi
