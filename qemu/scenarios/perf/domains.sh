# The performance domains that the kernel has, in order of their names, without the ids that Linux appends to them.
domains() { awk '/^perf_/ { sub(/_[0-9]+$/, "", $1); print $1 }' /sys/kernel/debug/pm_genpd/pm_genpd_summary | sort | xargs; }

# A driver's performance state: prints "done" or the error's text: set_level NAME LEVEL
set_level() { outcome write_to "/sys/kernel/debug/scmi-lab/perf-domains/$1/level" "$2"; }

# What a device that is in a domain can choose from: HZ LEVEL, a line each: opps DEVICE
opps() {
	for opp in /sys/kernel/debug/opp/*"$1"/opp:*; do
		[ -e "$opp" ] && echo "$(cat "$opp"/rate_hz) $(cat "$opp"/level)"
	done | sort -n
}
