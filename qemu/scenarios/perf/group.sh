CPUS=/sys/devices/system/cpu

# A file of a CPU's policy; the policies there are.
policy() { cat "$CPUS/cpufreq/policy$1/$2"; }
set_policy() { echo "$3" >"$CPUS/cpufreq/policy$1/$2"; }
policies() { ls $CPUS/cpufreq 2>/dev/null | grep policy | xargs; }

# All frequencies of a policy, ascending, those for boost, too.
offered() { (policy "$1" scaling_available_frequencies; policy "$1" scaling_boost_frequencies) | xargs -n 1 | sort -n | xargs; }

# The shortest time between two requests, in us, as the governor schedutil has it from the driver.
rate_limit() {
	set_policy "$1" scaling_governor schedutil
	policy "$1" schedutil/rate_limit_us
}

# What a CPU's energy model says: KHZ POWER for each level, a line each; its flags: 0x1 is for microwatts.
energy_model() {
	for state in /sys/kernel/debug/energy_model/cpu"$1"/ps:*; do
		[ -e "$state" ] && echo "$(cat "$state/frequency") $(cat "$state/power")"
	done | sort -n
}
energy_flags() { cat /sys/kernel/debug/energy_model/cpu"$1"/flags; }

# Takes a CPU away (0), or gives it back (1).
online() { echo "$2" >"$CPUS/cpu$1/online"; }

boost() { echo "$1" >$CPUS/cpufreq/boost; }
