# Sends messages, by so many processes so many each; prints how many were answered: messages SENDERS EACH
messages() {
	for sender in $(seq "$1"); do
		for _ in $(seq "$2"); do scmi-raw 0x10 0x0; done >"/tmp/answers$sender" 2>&1 &
	done
	wait
	cat /tmp/answers* | grep -c '^status 0 '
}
