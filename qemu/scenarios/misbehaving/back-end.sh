# Reads the sensor in the background; prints what was read when it is over.
start_reading() {
	{ reading >/tmp/reading; echo over >/tmp/over; } >/dev/null 2>&1 &
}
end_reading() { wait_for 200 [ -e /tmp/over ] && cat /tmp/reading; }
