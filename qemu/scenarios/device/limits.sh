# Sends COUNT commands at once without reading the replies; prints how many the kernel took: send_many COUNT
send_many() {
	for token in $(seq "$1"); do scmi-raw -t "$token" -w 0 0x10 0x0; done >/tmp/said 2>&1
	grep -c 'time is up' /tmp/said
}

# Sends a command whose payload has WORDS words; prints its status, or why it was not sent: send_long WORDS
send_long() { scmi-raw 0x10 0x0 $(seq "$1") 2>&1 | head -n 1 | sed 's/.*: //'; }
