RAW=/sys/kernel/debug/scmi/0/raw

# Tries to unload the core while a raw file is open and after it is closed; prints both outcomes.
unload_with_file() {
	exec 9<$RAW/notification
	unload core 2>/dev/null && echo unloaded || echo refused
	exec 9<&-
	unload core && echo "unloaded then"
}

# Tries to unload a part; prints "refused" or "unloaded".
try_unload() { if unload "$1" 2>/dev/null; then echo unloaded; else echo refused; fi; }

# Sends messages in the background, by client drivers and through the raw mode, as long as there is SCMI.
send_on() {
	for _ in $(seq "$1"); do
		{ read_on & send_raw_on & } >/dev/null 2>&1
	done
}
read_on() { while [ -e $RAW ]; do cat /sys/class/hwmon/hwmon*/temp1_input; done; }
send_raw_on() { while [ -e $RAW ]; do scmi-raw -w 0 0x10 0x0; done; }
