TRACING=/sys/kernel/tracing
POWERCAP=/sys/class/powercap/arm-scmi:0

# Records the kernel's uses of fast channels from now on.
trace_uses() {
	echo >$TRACING/trace
	echo 1 >$TRACING/events/scmi/scmi_fc_call/enable
}
# Those of one message since then: RESOURCE VALUE VALUE, with commas: uses PROTOCOL MESSAGE, two hex digits each
uses() {
	sed -n "s/.*scmi_fc_call: pt=$1 msg_id=$2 res_id:\([0-9]*\) vals=\([0-9]*\):\([0-9]*\).*/\1 \2 \3/p" $TRACING/trace | tr '\n' ',' | sed 's/,$//'
}

# Threads of the governor schedutil that set frequencies: it has none where it may set them itself, from the scheduler.
governor_threads() { grep -l '^sugov' /proc/[0-9]*/comm 2>/dev/null | wc -l; }
use_schedutil() { echo schedutil >$CPUFREQ/scaling_governor && cat $CPUFREQ/scaling_governor; }
# Lets the governor choose up to this frequency, and uses a processor for a while, so that it chooses: work KHZ
work() {
	echo "$1" >$CPUFREQ/scaling_max_freq
	i=0
	while [ $i -lt 5000 ]; do i=$((i + 1)); done
}

cap() { cat $POWERCAP/constraint_0_power_limit_uw; }
set_cap() { echo "$1" >$POWERCAP/constraint_0_power_limit_uw && cap; }
interval() { cat $POWERCAP/constraint_0_time_window_us; }
set_interval() { echo "$1" >$POWERCAP/constraint_0_time_window_us && interval; }
set_enabled() { echo "$1" >$POWERCAP/enabled; }
enabled() { cat $POWERCAP/enabled; }

# Whether the region is memory that the kernel manages: it is not, with no-map.
region() { grep -i '4f000000-4f00ffff' /proc/iomem | sed 's/.*: //'; }

steps_and_answer() { steps "$@"; answer_soon; }
rate_limit() { cat $CPUFREQ/schedutil/rate_limit_us; }
constraints() { ls -d $POWERCAP/constraint_*_power_limit_uw | wc -l; }
power() { cat $POWERCAP/power_uw; }
# While cpufreq is not back yet: none.
frequency_again() { cat $CPUFREQ/cpuinfo_cur_freq 2>/dev/null || echo none; }
