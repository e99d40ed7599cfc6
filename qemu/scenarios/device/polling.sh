# Sends a command for which the kernel polls COUNT times; prints the different statuses: poll_often COUNT
poll_often() { for token in $(seq "$1"); do scmi-raw -p -t "$token" 0x10 0x0; done 2>&1 | grep -v '^0x' | sort -u; }
