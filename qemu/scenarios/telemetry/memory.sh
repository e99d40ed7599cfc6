# The next notification in one line.
next_notification() {
	scmi-raw -n -w 5000 | tr '\n' ' ' | sed 's/ $//'
}

# A single reading of all events, and its delayed response, in one line.
single_reading() {
	scmi-raw -a 0x1b 0x8 0xffffffff 0x45 0 | tr '\n' ' ' | sed 's/ $//'
}

# Reads an area so often; prints how many readings, and how many of them were torn.
read_often() {
	scmi-tdcf $1 $2 $3 2>/tmp/tdcf || { cat /tmp/tdcf; return 1; }
}
