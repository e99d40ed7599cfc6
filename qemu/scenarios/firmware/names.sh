# The numbers of voltages in hwmon, and of power caps.
counts() {
	set -- /sys/class/hwmon/hwmon*/in*_input
	sensors=$#
	set -- /sys/class/powercap/arm-scmi:*
	echo $sensors $#
}
