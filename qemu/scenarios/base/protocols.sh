# The last line of the kernel's log that matches.
logged() { dmesg | grep -E "$1" | tail -n 1; }
