# Functions for the guest files of scenarios; each prints what it finds, or fails. Sourced before the scenario's own.

SCMI_VIRTIO=/sys/bus/virtio/drivers/scmi-virtio
TRANSPORT=/sys/bus/platform/drivers/scmi_virtio_transport
CORE=/sys/bus/platform/drivers/arm-scmi
# The machine's SCMI node, or the first of them.
NODE=firmware:scmi

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

# All SCMI devices on the virtio bus, bound or not; they have the id 32.
scmi_devices() { grep -l 0x0020 /sys/bus/virtio/devices/*/device | cut -d/ -f6; }

# The drivers that are bound to SCMI devices, which are the protocols of instances.
clients() {
	for driver in /sys/bus/scmi_protocol/devices/*/driver; do
		[ -e "$driver" ] && basename "$(readlink "$driver")"
	done | sort -u
	return 0
}

# The devices that wait for another, by name.
deferred() { cut -f1 /sys/kernel/debug/devices_deferred; }

# The nodes that wait for a device. Before Linux 7.2 the virtio driver brings the transport's along when it has a
# device (virtio.c:scmi_vio_probe), so that there is nobody to wait until then.
waiting() { if [ -e $TRANSPORT ]; then deferred; else echo "no driver waits"; fi; }

# What binds and unbinds a driver: bind FOLDER DEVICE
bind() { echo "$2" >"$1/bind"; }
unbind() { echo "$2" >"$1/unbind"; }

# The same by name of the driver; the core's has no such files, but the bus looks for one that wants the device.
bind_virtio() { bind $SCMI_VIRTIO "$(scmi_devices | head -n 1)"; }
unbind_virtio() { unbind $SCMI_VIRTIO "$(scmi_devices | head -n 1)"; }
bind_transport() { bind $TRANSPORT "${1:-$NODE}"; }
unbind_transport() { unbind $TRANSPORT "${1:-$NODE}"; }
# Has the bus probe the node's transport, which then is bound or waits; the bind file would not have it wait.
probe_transport() {
	echo $NODE >/sys/bus/platform/drivers_probe 2>/dev/null
	[ -e $TRANSPORT/$NODE ] || deferred | grep -qx $NODE
}
probe_core() {
	for device in /sys/bus/platform/devices/arm-scmi.*; do
		basename "$device" >/sys/bus/platform/drivers_probe
	done
}

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

# One SCMI round trip through the raw mode, Base's PROTOCOL_VERSION: prints its status, or why there is none.
answer() { scmi-raw -w 1000 0x10 0x0 2>&1 | head -n 1; }
answers() { answer | grep -q '^status 0 '; }

# The same, but tries again for a while, more and more rarely, as others want the processor. It is short, as some kernels
# never get there, and longer where all is slow.
answer_soon() {
	give_up=$(($(uptime_s) + 3 * ${PATIENCE:-1}))
	tenths=1
	until answers || [ "$(uptime_s)" -ge $give_up ]; do
		sleep 0.$tenths
		[ $tenths -ge 5 ] || tenths=$((tenths + 1))
	done
	answer
}
uptime_s() { cut -d. -f1 /proc/uptime; }

# One step of unbinding (-) and binding (+) the virtio driver (v), the transport's (t) and the core's (c). What is so
# already is passed over: before Linux 7.2 the transport's driver comes and goes with the virtio driver.
step() {
	case $1 in
	-v) unbind_virtio ;;
	-t) [ ! -e $TRANSPORT/$NODE ] || unbind_transport ;;
	+v) bind_virtio ;;
	+t) [ ! -e $TRANSPORT ] || [ -e $TRANSPORT/$NODE ] || probe_transport ;;
	+c) probe_core ;;
	esac
}
steps() { for step in "$@"; do step "$step" || return; done; }

# Takes steps so many times, as long as SCMI answers after each; prints how often it did: rounds NUMBER STEP...
rounds() {
	rounds=$1
	answered=0
	shift
	while [ $answered -lt "$rounds" ]; do
		steps "$@" && answer_soon | grep -q '^status 0 ' || break
		answered=$((answered + 1))
	done
	echo $answered
}

# Parts of a modular SCMI: the core, with its bus; the transport; the client drivers that the platform minimal needs.
# A part that is built in has no module, and is there. Before Linux 7 or so scmi-clk was clk-scmi.
modules_of() {
	case $1 in
	core) echo scmi_module ;;
	bus) echo scmi_core ;;
	transport) echo scmi_transport_virtio ;;
	clients) echo scmi_clk clk_scmi scmi_hwmon ;;
	esac
}
is_module() { sed 's/:.*//' /lib/modules/*/modules.dep | tr - _ | grep -q "/$1.ko$"; }
load() { for module in $(modules_of "$1"); do ! is_module "$module" || modprobe "$module" || return; done; }
unload() { for module in $(modules_of "$1"); do ! is_module "$module" || rmmod "$module" || return; done; }
load_parts() { for part in "$@"; do load "$part" || return; done; }
unload_parts() { for part in "$@"; do unload "$part" || return; done; }

# The modules of SCMI that are loaded.
loaded() { lsmod | grep -oE '^(clk_)?scmi[^ ]*' | sort; return 0; }

# Lets kmemleak look at all memory: twice, as what it finds may be on its way from one place to another, and late enough
# for the youngest objects.
scan_for_leaks() {
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
}
leaks() { cat /sys/kernel/debug/kmemleak; }

# The value of the sensor that runner/readings.ts tells of, or the error's text. One read: cat would try again.
reading() { dd if="$(echo /sys/class/hwmon/hwmon*/in0_input)" count=1 status=none 2>&1 | sed 's/.*: //'; }

# Reads the sensor in the background; prints what was read when it is over.
start_reading() {
	{ reading >/tmp/reading; echo over >/tmp/over; } >/dev/null 2>&1 &
}
end_reading() { wait_for 200 [ -e /tmp/over ] && cat /tmp/reading; }

# Sends Base's PROTOCOL_VERSION with a token, in the background; asked prints what came of it.
ask() { scmi-raw -t "$1" 0x10 0x0 >/tmp/asked 2>&1 & }
asked() { wait_for 100 [ -s /tmp/asked ] && cat /tmp/asked; }

# The last line that fits an extended regular expression in the kernel's log since the scenario's last step, if there is one.
said() { dmesg | sed -n 'H; /lab: /h; ${x; p}' | grep -E "$1" | tail -n 1; }

# What the core knows of the platform: PROTOCOL VENDOR/SUB_VENDOR IMPLEMENTATION.
identity() {
	known=$(echo $CORE/arm-scmi*)
	echo "$(cat "$known/protocol_version") $(cat "$known/vendor_id")/$(cat "$known/sub_vendor_id") $(cat "$known/firmware_version")"
}

# Runs scmi-storm in the background, and waits until it sends: start_storm SENDERS MS FILE; end_storm prints what came
# of it.
start_storm() {
	{ scmi-storm "$1" "$2" "$3" >/tmp/storm 2>&1; echo over >/tmp/storm-over; } >/dev/null 2>&1 &
	wait_for 100 [ -s /tmp/storm ]
}
end_storm() { wait_for 900 [ -e /tmp/storm-over ] && cat /tmp/storm; }

# Reads the sensor, over and over, in the background until a storm is over; prints each kind of reading there was.
start_readings() {
	{ while reading; [ ! -e /tmp/storm-over ]; do :; done >/tmp/readings; echo over >/tmp/readings-over; } >/dev/null 2>&1 &
}
end_readings() { wait_for 300 [ -e /tmp/readings-over ] && sort -u /tmp/readings; }
