# Turns off automatic binding on the virtio bus.
no_autoprobe() { echo 0 >/sys/bus/virtio/drivers_autoprobe; }

# Gives the device's queues these sizes, and binds it: bind_small SIZE...
bind_small() {
	device=$(readlink -f "/sys/bus/virtio/devices/$(scmi_devices)")
	queue-size "${device%/*}" "$@" && bind_virtio
}

# Has PROCESSES processes read the sensor TIMES times each; prints the different results: readings PROCESSES TIMES
readings() {
	for reader in $(seq "$1"); do
		for reading in $(seq "$2"); do reading; done >"/tmp/reader-$reader" &
	done
	wait
	sort -u /tmp/reader-*
}
