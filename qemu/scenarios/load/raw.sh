# Reads the sensor, over and over, in the background until a storm is over; prints each kind of reading there was.
start_readings() {
	{ while reading; [ ! -e /tmp/storm-over ]; do :; done >/tmp/readings; echo over >/tmp/readings-over; } >/dev/null 2>&1 &
}
end_readings() { wait_for 300 [ -e /tmp/readings-over ] && sort -u /tmp/readings; }

# Takes notifications as they come, until none comes for a second; prints how many kinds there were.
take_notifications() {
	while scmi-raw -n -w 1000; do :; done 2>/dev/null | grep '^notification' | sort -u
}
