RAW=/sys/kernel/debug/scmi/0/raw

# Processes that use the raw files: one blocks in read, one polls, one only has a file open.
reader() { exec cat $RAW/notification; }
poller() { exec scmi-raw -n -w 1000000; }
holder() { exec sleep 1000 <$RAW/notification; }

is_asleep() { grep -q ') S ' "/proc/$1/stat"; }

# Unbinds the virtio driver while such a process runs, prints whether that took less than two seconds, and ends the
# process: unbind_while reader|poller|holder
unbind_while() {
	"$1" >/dev/null 2>&1 &
	process=$!
	wait_for 50 is_asleep $process || return 1
	{ unbind_virtio && echo >/tmp/unbound; } &
	wait_for 20 [ -e /tmp/unbound ] && echo "unbound at once" || echo "unbound late"
	# When a poller ends it uses its wait queue: it must end after the instance is gone, also in a slow guest.
	[ "$1" != poller ] || wait_for 300 [ -e /tmp/unbound ]
	kill $process
	wait
}
