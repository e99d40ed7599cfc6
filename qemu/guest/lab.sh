# Functions for the guest files of scenarios; each prints what it finds, or fails. Sourced before the scenario's own.

SCMI_VIRTIO=/sys/bus/virtio/drivers/scmi-virtio
TRANSPORT=/sys/bus/platform/drivers/scmi_virtio_transport
CORE=/sys/bus/platform/drivers/arm-scmi

# The devices that a driver is bound to, one a line: bound_to FOLDER
bound_to() {
	for device in "$1"/*; do
		[ -e "$device/driver" ] && basename "$device"
	done
	return 0
}

# The SCMI devices on the virtio bus that have a driver, the SCMI nodes that have a transport, the SCMI instances.
virtio_devices() { bound_to $SCMI_VIRTIO; }
transports() { bound_to $TRANSPORT; }
instances() { bound_to $CORE; }

# The devices that wait for another, by name.
deferred() { cut -f1 /sys/kernel/debug/devices_deferred; }

# What binds and unbinds a driver: bind FOLDER DEVICE
bind() { echo "$2" >"$1/bind"; }
unbind() { echo "$2" >"$1/unbind"; }

# Waits until a command succeeds, at most that many tenths of a second: wait_for TENTHS COMMAND...
wait_for() {
	tenths=$1
	shift
	until "$@"; do
		[ "$tenths" -gt 0 ] || return 1
		tenths=$((tenths - 1))
		sleep 0.1
	done
}

# Loads every module that was built with the kernel: nothing to do unless SCMI is modular.
load_modules() {
	for list in /lib/modules/*/modules.dep; do
		[ ! -e "$list" ] || modprobe -a $(sed 's/:.*//; s/.*\///; s/\.ko$//' "$list")
	done
}

# One SCMI round trip through the raw mode: Base, PROTOCOL_VERSION.
answers() { scmi-raw 0x10 0x0; }

# Lets kmemleak look at all memory: twice, as what it finds may be on its way from one place to another, and late enough
# for the youngest objects.
scan_for_leaks() {
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
}
leaks() { cat /sys/kernel/debug/kmemleak; }
