/** What `platform record` prints: how to record the boot of a board, for `platform learn`. */
export const RECORD_SCRIPT = `#!/bin/sh
# Records what a board's firmware answers to Linux over SCMI. Linux 6.0 or newer, with CONFIG_FTRACE.
#  1. Add this to the kernel's command line, and start the board; all messages are traced from the first one on:
#       trace_event=scmi:* trace_buf_size=16M
#  2. Run this script on the board, as root, soon after the boot. It writes scmi-trace.txt.
#  3. Send the file; or learn from it: vhost-user-scmi platform learn scmi-trace.txt > board.yaml
T=/sys/kernel/tracing
[ -d $T/events ] || mount -t tracefs tracefs $T || exit 1
[ -d $T/events/scmi ] || { echo "this kernel has no SCMI events: CONFIG_FTRACE, CONFIG_ARM_SCMI_PROTOCOL" >&2; exit 1; }
grep -q "trace_event=[^ ]*scmi" /proc/cmdline || echo "the command line has no trace_event=scmi:*, so the boot is missing" >&2
echo 1 | tee $T/events/scmi/enable > /dev/null
cat /sys/class/hwmon/hwmon*/temp*_input /sys/kernel/debug/clk/clk_summary > /dev/null 2>&1
for r in /sys/devices/system/cpu/cpufreq/policy*; do cat $r/scaling_cur_freq; done > /dev/null 2>&1
echo 0 > $T/events/scmi/enable
dd if=$T/trace of=scmi-trace.txt bs=64k 2> /dev/null
ls -l scmi-trace.txt && grep -c scmi_msg_dump scmi-trace.txt
`
