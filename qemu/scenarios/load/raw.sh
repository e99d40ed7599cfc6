# Reads notifications until none comes for a second; prints the different ones.
take_notifications() {
	while scmi-raw -n -w 1000; do :; done 2>/dev/null | grep '^notification' | sort -u
}
