# A message of a client driver, which waits for the reply, and one of the raw mode, for which nobody waits. Processes that
# poll while their instance goes are tested in bind/in-use.
client_message() { cat /sys/class/hwmon/hwmon*/temp1_input; }
raw_message() { scmi-raw -w 0 0x10 0x0; }

# Send messages in the background from COUNT processes of each kind: one each (send_one), or one after another as long as
# there is SCMI (send_on).
send_one() {
	for _ in $(seq "$1"); do
		{ client_message & raw_message & } >/dev/null 2>&1
	done
}
send_on() {
	for _ in $(seq "$1"); do
		{ go_on client_message & go_on raw_message & } >/dev/null 2>&1
	done
}
go_on() { while [ -e /sys/kernel/debug/scmi/0/raw ]; do "$1"; done; }
