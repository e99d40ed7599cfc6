# Keeps the virtio bus from binding what appears.
no_autoprobe() { echo 0 >/sys/bus/virtio/drivers_autoprobe; }

# Makes the queues of the device smaller, each with as many descriptors as told, and binds it: bind_small SIZE...
bind_small() {
	device=$(readlink -f "/sys/bus/virtio/devices/$(scmi_devices)")
	queue-size "${device%/*}" "$@" && bind_virtio
}

# Has processes read the sensor, each so many times; prints each kind of reading there was: readings PROCESSES TIMES
readings() {
	for reader in $(seq "$1"); do
		for reading in $(seq "$2"); do reading; done >"/tmp/reader-$reader" &
	done
	wait
	sort -u /tmp/reader-*
}
