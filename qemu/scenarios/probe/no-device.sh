# The longest time in which the kernel said nothing before it started init, as a part of all that time, in per cent.
longest_silence() {
	dmesg | sed '/Run \/init/q' |
		awk -F '[][ ]+' '{ if ($2 - last > most) most = $2 - last; last = $2 } END { print int(100 * most / last) }'
}
