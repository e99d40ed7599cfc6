# The devices on the SCMI bus, bound or not.
protocol_devices() { ls /sys/bus/scmi_protocol/devices; }
core_devices() { ls /sys/bus/platform/devices | grep '^arm-scmi'; return 0; }
