# Prints whether scmi-raw soon sleeps uninterruptibly in the kernel.
is_waiting() { wait_for 50 waits && echo yes; }
waits() { grep -qs '^State:.*D' /proc/"$(pidof scmi-raw)"/status; }
