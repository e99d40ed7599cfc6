OTHER=firmware:scmi-1

# Binds the other node's transport. Before Linux 7.2 it is already bound, and its core must be probed again.
bind_other() { if [ -e "$TRANSPORT/$OTHER" ]; then probe_core; else bind_transport $OTHER; fi; }

# Gives the other node the device that the first one had; prints SCMI's reply.
hand_over() { unbind_transport; bind_other; answer_soon; }

# Has the bus probe the other node's transport; prints whether it waits for a device.
try_other() {
	echo $OTHER >/sys/bus/platform/drivers_probe 2>/dev/null
	waiting
}
