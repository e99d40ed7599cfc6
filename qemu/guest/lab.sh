# Functions for scenarios' guest files, sourced before them. Each prints what it finds, or fails.

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

# SCMI devices on the virtio bus with a driver; SCMI nodes with a transport; SCMI instances.
virtio_devices() { bound_to $SCMI_VIRTIO; }
transports() { bound_to $TRANSPORT; }
instances() { bound_to $CORE; }

# All SCMI devices (id 32) on the virtio bus, bound or not.
scmi_devices() { grep -l 0x0020 /sys/bus/virtio/devices/*/device | cut -d/ -f6; }

# The drivers that are bound to devices on the SCMI bus; a device there is one protocol of an instance.
clients() {
	for driver in /sys/bus/scmi_protocol/devices/*/driver; do
		[ -e "$driver" ] && basename "$(readlink "$driver")"
	done | sort -u
	return 0
}

# The names of devices whose probe is deferred.
deferred() { cut -f1 /sys/kernel/debug/devices_deferred; }

# The nodes that wait for a device. Before Linux 7.2 the virtio driver registers the transport's driver when it has a
# device (virtio.c:scmi_vio_probe): until then nothing waits.
waiting() { if [ -e $TRANSPORT ]; then deferred; else echo "no driver waits"; fi; }

# Binds and unbinds a driver: bind FOLDER DEVICE
bind() { echo "$2" >"$1/bind"; }
unbind() { echo "$2" >"$1/unbind"; }

# The same by the driver's name. The core's driver has no bind file: the bus is asked to find a driver for the device.
bind_virtio() { bind $SCMI_VIRTIO "$(scmi_devices | head -n 1)"; }
unbind_virtio() { unbind $SCMI_VIRTIO "$(scmi_devices | head -n 1)"; }
bind_transport() { bind $TRANSPORT "${1:-$NODE}"; }
unbind_transport() { unbind $TRANSPORT "${1:-$NODE}"; }
# Asks the bus to probe the node's transport, which is then bound or deferred; the bind file would not defer it.
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

# The same, repeated for a while at growing intervals, as others need the processor. It gives up soon, because some
# kernels never answer, and later where everything is slow.
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

# One step: unbinds (-) or binds (+) the driver of the virtio device (v), the transport (t) or the core (c). A step that is
# already done is skipped: before Linux 7.2 the transport's driver comes and goes with the virtio driver.
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

# Repeats steps NUMBER times, as long as SCMI answers after each round; prints the rounds: rounds NUMBER STEP...
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

# Scans for leaks with kmemleak: twice, as a pointer may be moved during a scan, and late enough for the youngest
# objects to count.
scan_for_leaks() {
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
}
leaks() { cat /sys/kernel/debug/kmemleak; }

# Reads a file once: its text, or the error's. cat would read again after an error.
value_of() { dd if="$1" bs=4096 count=1 status=none 2>&1 | sed 's/.*: //'; }
# Runs a command; prints "done" or the error's text. write_to FILE VALUE is one.
outcome() { if failed=$( ("$@") 2>&1); then echo "done"; else echo "${failed##*: }"; fi; }
write_to() { echo "$2" >"$1"; }
# Reads a file, or writes a value and reads it then: access FILE [VALUE]; prints the text, or the error's.
access() {
	[ $# -lt 2 ] || written=$( (write_to "$@") 2>&1) || { echo "${written##*: }"; return 0; }
	value_of "$1"
}

# Reads the sensor of runner/readings.ts.
reading() { value_of "$(echo /sys/class/hwmon/hwmon*/in0_input)"; }

# Reads the sensor in the background; end_reading prints the result.
start_reading() {
	{ reading >/tmp/reading; echo over >/tmp/over; } >/dev/null 2>&1 &
}
end_reading() { wait_for 200 [ -e /tmp/over ] && cat /tmp/reading; }

# Sends Base's PROTOCOL_VERSION with a token, in the background; asked prints the result.
ask() { scmi-raw -t "$1" 0x10 0x0 >/tmp/asked 2>&1 & }
asked() { wait_for 100 [ -s /tmp/asked ] && cat /tmp/asked; }

# The last line in the kernel's log since the scenario's last step that matches an extended regular expression.
said() { dmesg | sed -n 'H; /lab: /h; ${x; p}' | grep -E "$1" | tail -n 1; }

# What the core knows of the platform: PROTOCOL VENDOR/SUB_VENDOR IMPLEMENTATION.
identity() {
	known=$(echo $CORE/arm-scmi*)
	echo "$(cat "$known/protocol_version") $(cat "$known/vendor_id")/$(cat "$known/sub_vendor_id") $(cat "$known/firmware_version")"
}

# Runs scmi-storm in the background, and waits until it sends: start_storm SENDERS MS FILE; end_storm prints the result.
start_storm() {
	{ scmi-storm "$1" "$2" "$3" >/tmp/storm 2>&1; echo over >/tmp/storm-over; } >/dev/null 2>&1 &
	wait_for 100 [ -s /tmp/storm ]
}
end_storm() { wait_for 900 [ -e /tmp/storm-over ] && cat /tmp/storm; }

# Reads the sensor repeatedly in the background until a storm is over; prints the different results.
start_readings() {
	{ while reading; [ ! -e /tmp/storm-over ]; do :; done >/tmp/readings; echo over >/tmp/readings-over; } >/dev/null 2>&1 &
}
end_readings() { wait_for 300 [ -e /tmp/readings-over ] && sort -u /tmp/readings; }

# The lab's consumers (guest/consumer): resources as drivers in the kernel use them. use KIND NAME FILE [VALUE] reads a file
# of a consumer, or writes VALUE and reads it then; prints the value, or the error's text.
use() {
	file=/sys/kernel/debug/scmi-lab/$1/$2/$3
	[ -e /sys/kernel/debug/scmi-lab ] || insmod /lib/lab-consumer.ko || return
	shift 3
	access "$file" "$@"
}

# The kernel's operations of the SCMI protocols, for drivers, and their events (guest/consumer/protocols.c): call PROTOCOL
# OPERATION [ARGUMENT...] prints the results, or the error's text; "done" if there is no result.
CALLS=/sys/kernel/debug/scmi-lab-call
call() {
	[ -e $CALLS ] || insmod /lib/lab-protocols.ko || return
	{
		if failed=$( (echo "$*" >&3) 2>&1); then result=$(cat <&3) && echo "${result:-done}"; else echo "${failed##*: }"; fi
	} 3<>$CALLS
}
# What a listener has heard until now (call PROTOCOL listen EVENT [SOURCE] prints its number), a line for each event:
# await_event PROTOCOL LISTENER waits for one. A listener forgets what it has told.
heard() { call "$1" heard "$2"; }
await_event() {
	wait_for 100 hears "$@" || { echo nothing; return 0; }
	echo "$result"
}
hears() { call "$1" heard "$2" >/tmp/heard && ! grep -qx done /tmp/heard && result=$(cat /tmp/heard); }

# The platform's clocks: NAME RATE LOWEST-HIGHEST, in the order of their names. clk24mhz is the machine's.
clocks() {
	cd /sys/kernel/debug/clk || return
	grep . */clk_rate */clk_min_rate */clk_max_rate | awk -F '[/:]' '
		$1 != "clk24mhz" { value[$1, $2] = $3; clocks[$1] }
		END { for (c in clocks) print c, value[c, "clk_rate"], value[c, "clk_min_rate"] "-" value[c, "clk_max_rate"] }' | sort
}

# The first CPU's frequencies in kHz, or "none", and the one that it has.
CPUFREQ=/sys/devices/system/cpu/cpufreq/policy0
frequencies() { if [ -e $CPUFREQ ]; then cut -d' ' -f1 $CPUFREQ/stats/time_in_state | sort -n | xargs; else echo none; fi; }
frequency() { cat $CPUFREQ/cpuinfo_cur_freq; }
# Asks for a frequency in kHz, as the governor userspace does: ask_frequency KHZ [CPU]; prints the one that there is then, or
# the error's text.
ask_frequency() {
	policy=/sys/devices/system/cpu/cpufreq/policy${2:-0}
	echo userspace >"$policy/scaling_governor"
	asked=$(outcome write_to "$policy/scaling_setspeed" "$1")
	if [ "$asked" = "done" ]; then cat "$policy/cpuinfo_cur_freq"; else echo "$asked"; fi
}

# Unbinds a client driver from its device on the SCMI bus, and binds it again: rebind DRIVER. unbind_client prints the device.
SCMI_DRIVERS=/sys/bus/scmi_protocol/drivers
unbind_client() {
	device=$(bound_to $SCMI_DRIVERS/"$1" | head -n 1)
	[ -n "$device" ] && unbind $SCMI_DRIVERS/"$1" "$device" && echo "$device"
}
bind_client() { bind $SCMI_DRIVERS/"$1" "$2"; }
rebind() { device=$(unbind_client "$1") && bind_client "$1" "$device"; }
unload_consumer() { ! grep -q '^lab_consumer ' /proc/modules || rmmod lab_consumer; }
