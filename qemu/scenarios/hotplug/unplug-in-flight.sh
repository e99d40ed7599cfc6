# A message that a client driver sends and waits for, and one that the raw mode sends and nobody waits for: a process that
# polls while its instance goes is a matter of its own (bind/in-use).
client_message() { cat /sys/class/hwmon/hwmon*/temp1_input; }
raw_message() { scmi-raw -w 0 0x10 0x0; }

# Sends messages in the background, by so many processes of each kind: one each, or one after another while there is SCMI.
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
