RAW=/sys/kernel/debug/scmi/0/raw

# What a process does with the raw files: it reads and blocks, it polls, it has one open and does nothing.
reader() { exec cat $RAW/notification; }
poller() { exec scmi-raw -n -w 1000000; }
holder() { exec sleep 1000 <$RAW/notification; }

is_asleep() { grep -q ') S ' "/proc/$1/stat"; }

# Unbinds the virtio driver while a process does that; prints whether this was over within two seconds, and ends
# the process: unbind_while reader|poller|holder
unbind_while() {
	"$1" >/dev/null 2>&1 &
	process=$!
	wait_for 50 is_asleep $process || return 1
	{ unbind_virtio && echo >/tmp/unbound; } &
	wait_for 20 [ -e /tmp/unbound ] && echo "unbound at once" || echo "unbound late"
	# A poller looks at what it waited for when it ends: that is to be after the instance is gone, however slow the guest.
	[ "$1" != poller ] || wait_for 300 [ -e /tmp/unbound ]
	kill $process
	wait
}
