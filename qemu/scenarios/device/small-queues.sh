# Keeps the virtio bus from binding what appears.
no_autoprobe() { echo 0 >/sys/bus/virtio/drivers_autoprobe; }

# Makes the queues of the device smaller, each with as many descriptors as told, and binds it: bind_small SIZE...
bind_small() {
	device=$(readlink -f "/sys/bus/virtio/devices/$(scmi_devices)")
	queue-size "${device%/*}" "$@" && bind_virtio
}

# Reads the sensor so many times; prints each kind of reading there was.
readings() { for reading in $(seq "$1"); do reading; done | sort -u; }
