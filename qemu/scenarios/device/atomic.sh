# The module that lets a shell use resources as drivers do.
load_consumer() { insmod /lib/lab-consumer.ko; }

# Switches a clock on (1) or off (0); prints "done", or the error's text: switch_clock NAME 1
switch_clock() {
	if said=$({ echo "$2" >"/sys/kernel/debug/scmi-lab/clocks/$1/enabled"; } 2>&1); then echo "done"; else echo "${said##*: }"; fi
}

# Answers to commands that were polled for.
polled() { cat /sys/kernel/debug/scmi/0/transport/counters/response_polled_ok; }
