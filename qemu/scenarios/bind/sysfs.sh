BUS=/sys/bus/scmi_protocol/devices

devices() { ls $BUS; }
# The alias of a device, and the same made of its other files: DEVICE:PROTOCOL:NAME.
alias_of() { cat $BUS/"$1"/modalias; }
parts() { printf '%s:%02x:%s\n' "$1" "$(cat $BUS/"$1"/protocol_id)" "$(cat $BUS/"$1"/name)"; }

# The protocol of the device that a driver is bound to.
protocol_of() { cat "$(echo $SCMI_DRIVERS/"$1"/scmi_dev.*)/protocol_id"; }
