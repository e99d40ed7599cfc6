# Whether scmi-raw waits in the kernel for what no signal ends, soon at least.
is_waiting() { wait_for 50 waits && echo yes; }
waits() { grep -qs '^State:.*D' /proc/"$(pidof scmi-raw)"/status; }
