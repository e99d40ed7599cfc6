# The channels of SCMI's hwmon device: KIND NAME VALUE, or the error's text for a value.
channels() {
	for hwmon in /sys/class/hwmon/hwmon*; do
		[ "$(cat "$hwmon/name" 2>/dev/null)" = scmi_sensors ] || continue
		for label in "$hwmon"/*_label; do
			channel=${label%_label}
			kind=$(basename "$channel" | tr -d 0-9)
			echo "$kind $(cat "$label") $(value_of "${channel}_input")"
		done
	done
	return 0
}
