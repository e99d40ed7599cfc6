# A zone's folder, by its name; a file of it; a value for it: prints "done" or the error's text.
zone() { for z in /sys/class/powercap/arm-scmi:*; do [ "$(cat "$z/name" 2>/dev/null)" = "$1" ] && echo "$z"; done; return 0; }
zone_file() { value_of "$(zone "$1")/$2"; }
set_zone() { outcome write_to "$(zone "$1")/$2" "$3"; }

# All zones, in the order of their names: NAME under PARENT, whose own is "-".
zones() {
	for z in /sys/class/powercap/arm-scmi:*; do
		[ -e "$z/name" ] || continue
		above=$(dirname "$(readlink -f "$z")")
		parent=$(cat "$above/name" 2>/dev/null)
		echo "$(cat "$z/name") under ${parent:--}"
	done | sort
}

# What can be set of a zone: CAP-MIN CAP-MAX in microwatts, WINDOW-MIN WINDOW-MAX in microseconds.
constraint() {
	for file in min_power_uw max_power_uw min_time_window_us max_time_window_us; do zone_file "$1" constraint_0_$file; done | xargs
}
