# Loads the module that lets a shell use resources as drivers do.
load_consumer() { insmod /lib/lab-consumer.ko; }

# Enables (1) or disables (0) a clock; prints "done" or the error's text: switch_clock NAME 1
switch_clock() {
	outcome write_to "/sys/kernel/debug/scmi-lab/clocks/$1/enabled" "$2"
}

# The number of replies found by polling.
polled() { cat /sys/kernel/debug/scmi/0/transport/counters/response_polled_ok; }
