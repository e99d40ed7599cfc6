# Sends a command that the kernel polls for, so many times; prints the status of each kind of answer there was.
poll_often() { for token in $(seq "$1"); do scmi-raw -p -t "$token" 0x10 0x0; done 2>&1 | grep -v '^0x' | sort -u; }
