OTHER=firmware:scmi-1

# Binds the other node's transport. Before Linux 7.2 it is bound, and its core waits to be tried again.
bind_other() { if [ -e "$TRANSPORT/$OTHER" ]; then probe_core; else bind_transport $OTHER; fi; }

# The other node gets the device that the first one had: prints what answers then.
hand_over() { unbind_transport; bind_other; answer_soon; }

# Has the bus probe the other node's transport; prints whether that waits for a device.
try_other() {
	echo $OTHER >/sys/bus/platform/drivers_probe 2>/dev/null
	waiting
}
