# What a driver does with a protocol: `again PROTOCOL` has the drivers of a protocol probed again, and uses what they made.

SCMI_BUS=/sys/bus/scmi_protocol
LAB=/sys/kernel/debug/scmi-lab

devices_of() {
	for device in $SCMI_BUS/devices/*; do
		[ "$(cat "$device/protocol_id")" != "$1" ] || basename "$device"
	done
}

# Has the drivers probed again. Those of Base are all; the core asks for it when it is probed itself.
reprobe() {
	if [ "$1" = 0x10 ]; then
		steps -v +v +c
		for device in $SCMI_BUS/devices/*; do probe_again "$(basename "$device")"; done
	else
		for device in $(devices_of "$1"); do
			[ ! -e $SCMI_BUS/devices/$device/driver ] || unbind $SCMI_BUS/devices/$device/driver "$device"
		done
		for device in $(devices_of "$1"); do probe_again "$device"; done
	fi
}
probe_again() { [ -e "$SCMI_BUS/devices/$1/driver" ] || echo "$1" >$SCMI_BUS/drivers_probe 2>/dev/null; }

# The drivers that are there, a line each, and the files whose use fails.
again() {
	reprobe "$1" 2>/dev/null
	for device in $SCMI_BUS/devices/*; do
		[ ! -e "$device/driver" ] || echo "driver $(cat "$device/name")"
	done | sort
	use_protocol "$1" 2>/dev/null
	return 0
}

# Reads each file; prints those that give an error: reads FILE...
reads() {
	for file in "$@"; do
		[ ! -f "$file" ] || dd if="$file" of=/dev/null bs=4096 count=16 status=none 2>/dev/null || echo "fails $file"
	done
}
# Writes a value to each file: writes VALUE FILE...
writes() {
	value=$1
	shift
	for file in "$@"; do
		[ ! -f "$file" ] || echo "$value" >"$file" 2>/dev/null || echo "fails $value >$file"
	done
}

# Consumers of a kind are switched on, their values are read and written, and they are switched off.
consumers() {
	insmod /lib/lab-consumer.ko 2>/dev/null
	for folder in $LAB/$1/*; do
		[ -d "$folder" ] || continue
		writes 1 "$folder/on" "$folder/enabled" "$folder/asserted" "$folder/reset" "$folder/level"
		for file in rate duty_percent parent microvolts state; do
			reads "$folder/$file"
			! now=$(cat "$folder/$file" 2>/dev/null) || writes "$now" "$folder/$file"
		done
		writes 0 "$folder/on" "$folder/enabled" "$folder/asserted"
	done
	rmmod lab_consumer 2>/dev/null
}

use_protocol() {
	case $1 in
	0x11) consumers power-domains ;;
	0x13)
		reads /sys/devices/system/cpu/cpufreq/policy*/cpuinfo_cur_freq
		writes userspace /sys/devices/system/cpu/cpufreq/policy*/scaling_governor
		for policy in /sys/devices/system/cpu/cpufreq/policy*; do
			writes "$(cat "$policy/cpuinfo_min_freq" 2>/dev/null)" "$policy/scaling_setspeed"
		done
		consumers perf-domains
		;;
	0x14)
		reads /sys/kernel/debug/clk/clk_summary
		consumers clocks
		;;
	0x15)
		reads /sys/class/hwmon/hwmon*/*_input /sys/class/thermal/thermal_zone*/temp
		reads /sys/bus/iio/devices/iio:device*/in_*_raw /sys/bus/iio/devices/iio:device*/sampling_frequency
		;;
	0x16) consumers resets ;;
	0x17)
		reads /sys/class/regulator/regulator.*/microvolts /sys/class/regulator/regulator.*/state
		consumers regulators
		;;
	0x18)
		for zone in /sys/class/powercap/arm-scmi:*; do
			reads "$zone"/power_uw "$zone"/constraint_0_power_limit_uw "$zone"/constraint_0_time_window_us
			for file in constraint_0_power_limit_uw constraint_0_time_window_us; do
				now=$(cat "$zone/$file" 2>/dev/null) && writes "$now" "$zone/$file"
			done
			writes 0 "$zone/enabled"
			writes 1 "$zone/enabled"
		done
		;;
	0x19)
		reads /sys/kernel/debug/pinctrl/*scmi*/pins /sys/kernel/debug/pinctrl/*scmi*/pingroups \
			/sys/kernel/debug/pinctrl/*scmi*/pinmux-functions /sys/kernel/debug/pinctrl/*scmi*/pinconf-pins \
			/sys/kernel/debug/pinctrl/*scmi*/pinconf-groups
		consumers pins
		consumers pin-groups
		;;
	0x81)
		reads /sys/class/rtc/rtc*/since_epoch
		for clock in /dev/rtc*; do hwclock -r -f "$clock" >/dev/null 2>&1 || echo "fails $clock"; done
		;;
	0x84) reads /sys/kernel/debug/scmi_imx_misc/* ;;
	esac
}
