# The longest silence in the kernel's log before init, in percent of the time until init.
longest_silence() {
	dmesg | sed '/Run \/init/q' |
		awk -F '[][ ]+' '{ if ($2 - last > most) most = $2 - last; last = $2 } END { print int(100 * most / last) }'
}
