unbind_virtio() { unbind $SCMI_VIRTIO "$1"; }
bind_virtio() { bind $SCMI_VIRTIO "$1"; }
