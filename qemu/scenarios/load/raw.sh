# Takes notifications as they come, until none comes for a second; prints how many kinds there were.
take_notifications() {
	while scmi-raw -n -w 1000; do :; done 2>/dev/null | grep '^notification' | sort -u
}
